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

/* Concats that are not met get copies of what others claim; the rest can be made where they want
 * it. Gives the bytes of the copies. */
static size_t add_copies(edb_cell_adapter *a, const edb_arrangement *r, uint8_t *claimed) {
  const uint8_t *fate = r->fate;
  size_t bytes = 0;
  for (uint32_t b = 0; b < a->n_batches; fate += a->batches[b++].n_tuples) {
    if (*fate != EDB_TUPLE_COPIED || !is_concat(a, b)) continue;
    uint32_t *e = a->elements + (a->batches[b].elements - a->elements);
    for (uint32_t k = 0; k < a->batches[b].size; k++) {
      if (!claimed[e[k]]) {
        claimed[e[k]] = 1;
        continue;
      }
      uint32_t of = e[k];
      bytes += a->bytes[of];
      edb_cell_add_variable(a, a->out->variables[of], &e[k]);
      a->out->copy[e[k]] = 1;
    }
  }
  return bytes;
}

/* The solution with copies of what is claimed, if it copies less than `first`; else NULL. */
static edb_status try_copies(edb_cell_adapter *a, const edb_arrangement *first, bool all,
                             uint8_t *claimed, edb_arrangement **out) {
  if (!find_claims(a, first, all, claimed)) return EDB_OK;
  size_t copied = add_copies(a, first, claimed);
  EDB_TRY(edb_cell_solve(a, out));
  if (copied + (*out)->copied_bytes < first->copied_bytes) return EDB_OK;
  edb_arrangement_destroy(*out);
  *out = NULL;
  return EDB_OK;
}

edb_status edb_cell_solve_with_copies(edb_cell_adapter *a, const edb_arrangement *first,
                                      edb_arrangement **out) {
  edb_status status = EDB_OK;
  uint32_t before = a->out->n_variables;
  size_t words = a->n_elements * sizeof(uint32_t), bytes = words + a->out->room;
  uint32_t *elements = edb_alloc(a->ctx, bytes);
  if (!elements) return edb_fail_memory(a->error, bytes, "copies of a cell's values");
  uint8_t *claimed = (uint8_t *)elements + words;
  memcpy(elements, a->elements, words);
  for (int all = 0; all < 2 && !*out && status == EDB_OK; all++) {
    status = try_copies(a, first, all == 1, claimed, out);
    if (*out) break;
    memcpy(a->elements, elements, words);
    memset(a->out->copy, 0, a->out->room);
    a->out->n_variables = before;
  }
  edb_free(a->ctx, elements, bytes);
  return status;
}
