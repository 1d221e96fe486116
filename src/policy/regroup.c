/* policy/regroup.c: batches of one type follow each other where they can. */
#include "policy/regroup.h"

#include <string.h>

#include "base/memory.h"

#define NONE UINT32_MAX

typedef struct regrouping {
  const edb_problem *problem;
  const edb_batches *from;
  edb_batches *to;
  uint32_t *batch_of; /* [n_nodes] */
  uint32_t *next;     /* [batches] the next of the same type */
  uint32_t *last;     /* [n_types] */
  uint8_t *done;      /* [batches] */
} regrouping;

static void link_batches(regrouping *r) {
  const edb_batches *from = r->from;
  for (uint32_t t = 0; t < r->problem->n_types; t++) r->last[t] = NONE;
  for (uint32_t b = 0; b < from->count; b++) {
    uint32_t *last = &r->last[from->type[b]];
    if (*last != NONE) r->next[*last] = b;
    *last = b;
    r->next[b] = NONE;
    r->done[b] = 0;
    for (uint32_t i = from->start[b]; i < from->start[b + 1]; i++) r->batch_of[from->nodes[i]] = b;
  }
}

/* Whether all that its nodes take is done. Asked once for each batch at most. */
static bool is_ready(const regrouping *r, uint32_t batch) {
  const edb_problem *p = r->problem;
  for (uint32_t i = r->from->start[batch]; i < r->from->start[batch + 1]; i++) {
    uint32_t v = r->from->nodes[i];
    for (uint32_t e = p->in_start[v]; e < p->in_start[v + 1]; e++)
      if (!r->done[r->batch_of[p->in[e]]]) return false;
  }
  return true;
}

static void emit(regrouping *r, uint32_t batch) {
  edb_batches *to = r->to;
  uint32_t start = r->from->start[batch], size = r->from->start[batch + 1] - start;
  memcpy(to->nodes + to->start[to->count], r->from->nodes + start, size * sizeof *to->nodes);
  to->type[to->count] = r->from->type[batch];
  to->start[to->count + 1] = to->start[to->count] + size;
  to->count++;
  r->done[batch] = 1;
}

/* The first batch that is left can always run: what it takes came before it. */
static void run(regrouping *r) {
  link_batches(r);
  for (uint32_t first = 0; first < r->from->count; first++) {
    uint32_t b = first, length = 0;
    if (r->done[first]) continue;
    do {
      emit(r, b);
      b = r->next[b];
    } while (++length < EDB_REGROUP_MOST && b != NONE && is_ready(r, b));
  }
}

edb_status edb_regroup(edb_context *ctx, const edb_problem *problem, const edb_batches *from,
                       edb_batches *to, edb_error *error) {
  size_t bytes =
      ((size_t)problem->n_nodes + from->count + problem->n_types) * sizeof(uint32_t) + from->count;
  regrouping r = {.problem = problem, .from = from, .to = to};
  to->count = 0;
  to->start[0] = 0;
  if (from->count == 0) return EDB_OK;
  void *memory = edb_alloc(ctx, bytes);
  if (memory == NULL) return edb_fail_memory(error, bytes, "the order of batches");
  r.batch_of = memory;
  r.next = r.batch_of + problem->n_nodes;
  r.last = r.next + from->count;
  r.done = (uint8_t *)(r.last + problem->n_types);
  run(&r);
  edb_free(ctx, memory, bytes);
  return EDB_OK;
}
