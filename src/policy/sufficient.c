/* policy/sufficient.c: the largest share |ready(t)| / |F_t| of the type's own frontier (Chen et
 * al., ICML 2023); at 1 running t now cannot hurt. */
#include "policy/rules.h"
#include "policy/shares.h"

static uint32_t choose(void *self, const edb_state *state) {
  const edb_shares *s = self;
  uint32_t best = edb_state_next_ready(state, 0);
  for (uint32_t t = edb_state_next_ready(state, best + 1); t != EDB_TYPE_NONE;
       t = edb_state_next_ready(state, t + 1)) {
    uint64_t share = (uint64_t)state->ready_count[t] * s->frontier[best];
    uint64_t best_share = (uint64_t)state->ready_count[best] * s->frontier[t];
    if (share > best_share) best = t;
  }
  return best;
}

static void ran(void *self, const edb_state *state, uint32_t type, const uint32_t *nodes,
                uint32_t count) {
  (void)state;
  edb_shares_ran(self, type, nodes, count);
}

edb_status edb_sufficient_pass(edb_context *ctx, edb_state *state, edb_batches *out,
                               edb_error *error) {
  edb_shares shares;
  EDB_TRY(edb_shares_init(ctx, state->problem, &shares, error));
  edb_shares_reset(&shares);
  edb_chooser chooser = {.choose = choose, .ran = ran, .self = &shares};
  edb_pass(state, &chooser, EDB_GAVE_UP, out);
  edb_shares_free(ctx, &shares);
  return EDB_OK;
}
