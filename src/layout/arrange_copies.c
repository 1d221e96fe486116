/* layout/arrange_copies.c: concats whose values other tuples claim get copies of these, where that
 * copies less than giving the concats up. */
#include <string.h>

#include "layout/arrange_cell_impl.h"

static bool is_concat(const edb_cell_adapter *a, uint32_t batch) {
  return a->concat_of[batch] != EDB_CONCAT_NONE;
}

/* Concats that are met, or all tuples that are, claim their variables; gives whether any concat is
 * not met. */
static bool find_claims(const edb_cell_adapter *a, const edb_arrangement *r, bool all,
                        uint8_t *claimed) {
  const uint8_t *fate = r->fate;
  bool any = false;
  memset(claimed, 0, a->out->room);
  for (uint32_t b = 0; b < a->n_batches; b++) {
    const edb_arrange_batch *p = &a->batches[b];
    for (uint32_t t = 0; t < p->n_tuples; t++, fate++) {
      any |= *fate == EDB_TUPLE_COPIED && is_concat(a, b);
      for (uint32_t k = 0; *fate == EDB_TUPLE_PLACED && (all || p->in_order) && k < p->size; k++)
        if (p->elements[t * p->size + k] != EDB_ARRANGE_OUTSIDE)
          claimed[p->elements[t * p->size + k]] = 1;
    }
  }
  return any;
}

/* A problem with copies, and what it takes to have the one without back. */
typedef struct copier {
  edb_cell_adapter *a;
  const edb_arrangement *first; /* the solution without */
  bool all;                     /* whether all tuples claim their variables, or concats only */
  uint8_t *claimed;             /* [room] variables */
  uint8_t *always;              /* [room] variables whose copies are not left out */
  uint8_t *wanted;              /* [n_elements] of the copies that there could be, in order */
  uint32_t *elements;           /* [n_elements] without copies */
  uint32_t n_variables;         /* without copies */
} copier;

/* Inputs are gathered as it is, and apart from each other concats need no order in common; a concat
 * that is an output is made where that is wanted, unless it shares a value. */
static void find_always(const copier *c) {
  const edb_cell_adapter *a = c->a;
  memset(c->always, 0, a->out->room);
  for (uint32_t v = 0; v < a->out->n_variables; v++)
    c->always[v] = a->out->variables[v].kind != EDB_REF_OP;
  for (uint32_t o = 0; o < a->cell->sig.n_outputs; o++) {
    edb_ref ref = edb_batching_value(a->batching, a->cell->outputs[o].value);
    if (ref.kind != EDB_REF_OP || a->sequence[ref.index] == UINT32_MAX) continue;
    const edb_arrange_batch *p = &a->batches[a->sequence[ref.index]];
    for (uint32_t k = 0; k < p->size; k++) c->always[p->elements[k]] = 1;
  }
}

static void drop_copies(const copier *c) {
  edb_cell_adapter *a = c->a;
  memcpy(a->elements, c->elements, a->n_elements * sizeof *a->elements);
  memset(a->out->copy, 0, a->out->room);
  a->out->n_variables = c->n_variables;
}

/* Concats that are not met get those of the copies of what others claim that are wanted; the rest
 * can be made where they want it. Gives the bytes of the copies; *count gets how many there could
 * be. */
static size_t add_copies(const copier *c, uint32_t *count) {
  edb_cell_adapter *a = c->a;
  const uint8_t *fate = c->first->fate;
  size_t bytes = 0;
  *count = 0;
  drop_copies(c);
  (void)find_claims(a, c->first, c->all, c->claimed);
  for (uint32_t b = 0; b < a->n_batches; fate += a->batches[b++].n_tuples) {
    if (*fate != EDB_TUPLE_COPIED || !is_concat(a, b)) continue;
    uint32_t *e = a->elements + (a->batches[b].elements - a->elements);
    for (uint32_t k = 0; k < a->batches[b].size; k++) {
      uint32_t of = e[k];
      if (!c->claimed[of]) {
        c->claimed[of] = 1;
        continue;
      }
      if (!c->wanted[(*count)++] && !c->always[of]) continue;
      bytes += a->bytes[of];
      edb_cell_add_variable(a, a->out->variables[of], &e[k]);
      a->out->copy[e[k]] = 1;
    }
  }
  return bytes;
}

/* The solution with the copies that are wanted, and what is copied in all. */
static edb_status solve(const copier *c, uint32_t *count, size_t *bytes, edb_arrangement **out) {
  *bytes = add_copies(c, count);
  EDB_TRY(edb_cell_solve(c->a, out));
  *bytes += (*out)->copied_bytes;
  return EDB_OK;
}

/* Copies that are left out one by one, at most, times operators of the cell: each takes a search of
 * its own, and a cell of some 40 operators is to be planned within a millisecond. */
#define MOST_WORK 24

/* Leaves out each copy without which less is copied: one of the two that claim a value may do. */
static edb_status leave_out(const copier *c, uint32_t count, size_t *least,
                            edb_arrangement **best) {
  for (uint32_t i = 0; i < count && (i + 1) * c->a->cell->n_ops <= MOST_WORK; i++) {
    edb_arrangement *r = NULL;
    uint32_t others;
    size_t bytes;
    c->wanted[i] = 0;
    EDB_TRY(solve(c, &others, &bytes, &r));
    c->wanted[i] = bytes >= *least;
    edb_arrangement_destroy(bytes < *least ? *best : r);
    if (bytes >= *least) continue;
    *least = bytes;
    *best = r;
  }
  return EDB_OK;
}

/* *out gets the best solution with copies, if it copies less than the first one. */
static edb_status try_copies(const copier *c, edb_arrangement **out) {
  uint32_t count;
  size_t least;
  edb_arrangement *best = NULL;
  if (!find_claims(c->a, c->first, c->all, c->claimed)) return EDB_OK;
  memset(c->wanted, 1, c->a->n_elements);
  EDB_TRY(solve(c, &count, &least, &best));
  edb_status status = leave_out(c, count, &least, &best);
  if (status != EDB_OK || least >= c->first->copied_bytes) {
    edb_arrangement_destroy(best);
    return status;
  }
  (void)add_copies(c, &count);
  *out = best;
  return EDB_OK;
}

edb_status edb_cell_solve_with_copies(edb_cell_adapter *a, const edb_arrangement *first,
                                      edb_arrangement **out) {
  edb_status status = EDB_OK;
  copier c = {.a = a, .first = first, .n_variables = a->out->n_variables};
  size_t words = a->n_elements * sizeof(uint32_t),
         bytes = words + a->n_elements + 2 * (size_t)a->out->room;
  c.elements = edb_alloc(a->ctx, bytes);
  if (!c.elements) return edb_fail_memory(a->error, bytes, "copies of a cell's values");
  c.wanted = (uint8_t *)c.elements + words;
  c.claimed = c.wanted + a->n_elements;
  c.always = c.claimed + a->out->room;
  memcpy(c.elements, a->elements, words);
  find_always(&c);
  for (int all = 0; all < 2 && !*out && status == EDB_OK; all++) {
    c.all = all == 1;
    status = try_copies(&c, out);
    if (!*out) drop_copies(&c);
  }
  edb_free(a->ctx, c.elements, bytes);
  return status;
}
