/* policy/pass.c: the scheduling loop that all frontier rules share. */
#include "policy/contest.h"

#include <string.h>

edb_status edb_batches_init(edb_context *ctx, const edb_problem *problem, edb_batches *out,
                            edb_error *error) {
  size_t nodes = problem->n_nodes;
  edb_batches b = {.memory_bytes = (nodes * 3 + 1) * sizeof(uint32_t)};
  b.memory = edb_alloc(ctx, b.memory_bytes);
  if (b.memory == NULL) return edb_fail_memory(error, b.memory_bytes, "the batches of a graph");
  b.type = b.memory;
  b.nodes = b.type + nodes;
  b.start = b.nodes + nodes;
  b.start[0] = 0;
  *out = b;
  return EDB_OK;
}

void edb_batches_free(edb_context *ctx, edb_batches *batches) {
  edb_free(ctx, batches->memory, batches->memory_bytes);
  batches->memory = NULL;
  batches->memory_bytes = 0;
}

void edb_batches_reverse(const edb_batches *from, edb_batches *to) {
  uint32_t done = 0;
  for (uint32_t i = 0; i < from->count; i++) {
    uint32_t source = from->count - 1 - i;
    uint32_t length = from->start[source + 1] - from->start[source];
    to->type[i] = from->type[source];
    to->start[i] = done;
    memcpy(to->nodes + done, from->nodes + from->start[source], length * sizeof *to->nodes);
    done += length;
  }
  to->start[from->count] = done;
  to->count = from->count;
}

/* Of many types. */
static uint32_t choose_winner(const edb_contest *contest, const edb_chooser *chooser,
                              const edb_state *s) {
  uint32_t type = edb_contest_winner(contest);
  if (chooser->settles == NULL || s->problem->unbatchable[type] || s->n_ready_types == 1 ||
      chooser->settles(chooser->self, s, type))
    return type;
  return chooser->choose(chooser->self, s);
}

void edb_pass(edb_state *s, const edb_chooser *chooser, uint32_t limit, edb_batches *out) {
  uint32_t n_nodes = s->problem->n_nodes, count = 0;
  edb_contest contest = {0};
  edb_state_reset(s);
  s->plain = chooser->plain;
  EDB_ASSERT(!chooser->plain || (limit == EDB_GAVE_UP && chooser->beats == NULL));
  bool contests = chooser->beats != NULL && s->winners != NULL;
  if (contests) edb_contest_begin(&contest, chooser, s, s->winners);
  out->start[0] = 0;
  out->count = EDB_GAVE_UP;
  while (s->n_done < n_nodes) {
    if (limit != EDB_GAVE_UP && count + s->remaining_bound >= limit) return;
    uint32_t type = contests ? choose_winner(&contest, chooser, s) : edb_state_forced(s);
    if (type == EDB_TYPE_NONE) type = chooser->choose(chooser->self, s);
    uint32_t *nodes = out->nodes + out->start[count];
    uint32_t ran = edb_state_run(s, type, nodes);
    out->type[count] = type;
    out->start[count + 1] = out->start[count] + ran;
    count++;
    if (chooser->ran != NULL) chooser->ran(chooser->self, s, type, nodes, ran);
    if (contests) edb_contest_ran(&contest, s, type, nodes, ran);
  }
  out->count = count;
}
