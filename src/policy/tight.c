/* policy/tight.c: prefer a type whose batch lowers the bound on what is left.
 *
 * The bound is the sum over types of m_t, the largest own of an unfinished node. Running t lowers
 * it iff every unfinished node of t with own = m_t is ready: t is tight. Among several, and when
 * none is, the larger sum of own over the ready nodes wins, then the lower type. */
#include "policy/rules.h"

bool edb_tight_beats(const edb_state *s, uint32_t type, uint32_t other) {
  bool tight = edb_state_is_tight(s, type), other_tight = edb_state_is_tight(s, other);
  if (tight != other_tight) return tight;
  return s->ready_own[type] > s->ready_own[other];
}

uint32_t edb_tight_choose_in(const edb_state *s, uint32_t component) {
  uint32_t best = EDB_TYPE_NONE;
  for (uint32_t t = edb_state_next_in(s, component, EDB_TYPE_NONE); t != EDB_TYPE_NONE;
       t = edb_state_next_in(s, component, t)) {
    if (best == EDB_TYPE_NONE || edb_tight_beats(s, t, best)) best = t;
  }
  return best;
}

uint32_t edb_tight_choose(const edb_state *s) {
  return edb_tight_choose_in(s, EDB_COMPONENT_ANY);
}

static uint32_t choose(void *self, const edb_state *state) {
  (void)self;
  return edb_tight_choose(state);
}

static bool beats(void *self, const edb_state *state, uint32_t type, uint32_t other) {
  (void)self;
  return edb_tight_beats(state, type, other);
}

void edb_tight_pass(edb_state *state, uint32_t limit, edb_batches *out) {
  edb_chooser chooser = {.choose = choose, .beats = beats};
  edb_pass(state, &chooser, limit, out);
}
