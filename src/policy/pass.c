/* policy/pass.c: the scheduling loop that all frontier rules share. */
#include "policy/rules.h"

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

void edb_batches_reverse(edb_batches *batches, edb_batches *scratch) {
  uint32_t done = 0;
  for (uint32_t i = 0; i < batches->count; i++) {
    uint32_t from = batches->count - 1 - i;
    uint32_t length = batches->start[from + 1] - batches->start[from];
    scratch->type[i] = batches->type[from];
    scratch->start[i] = done;
    memcpy(scratch->nodes + done, batches->nodes + batches->start[from], length * sizeof(uint32_t));
    done += length;
  }
  scratch->start[batches->count] = done;
  scratch->count = batches->count;
  edb_batches turned = *scratch;
  *scratch = *batches;
  *batches = turned;
}

bool edb_pass(edb_state *s, const edb_chooser *chooser, uint32_t limit, edb_batches *out) {
  uint32_t n_nodes = s->problem->n_nodes, count = 0;
  edb_state_reset(s);
  out->start[0] = 0;
  while (s->n_done < n_nodes) {
    if (limit != UINT32_MAX && count + s->remaining_bound >= limit) return false;
    uint32_t type = edb_state_forced(s);
    if (type == EDB_TYPE_NONE) type = chooser->choose(chooser->self, s);
    uint32_t *nodes = out->nodes + out->start[count];
    uint32_t ran = edb_state_run(s, type, nodes);
    out->type[count] = type;
    out->start[count + 1] = out->start[count] + ran;
    count++;
    if (chooser->ran != NULL) chooser->ran(chooser->self, s, type, nodes, ran);
  }
  out->count = count;
  return true;
}
