/* layout/arrange_rivals.c: what keeps a concat of a cell from having its operands in place. */
#include "layout/arrange_cell_impl.h"

static edb_status no_memory(const edb_cell_adapter *a) {
  return edb_fail_memory(a->error, sizeof(edb_rival), "the rivals of a concat");
}

/* Tuple t of problem batch b. */
static edb_status add_rival(const edb_cell_adapter *a, uint32_t b, uint32_t t, edb_rivals *rivals) {
  const edb_arrange_batch *p = &a->batches[b];
  const uint32_t *e = p->elements + (size_t)t * p->size;
  edb_rival rival = {.kind = t == 0 ? EDB_RIVAL_RESULTS : EDB_RIVAL_OPERANDS,
                     .start = rivals->values.length,
                     .n_values = p->size};
  for (uint32_t k = 0; k < p->size; k++) {
    rival.bytes += a->bytes[e[k]];
    if (!edb_vec_push(a->ctx, &rivals->values, a->out->variables[e[k]])) return no_memory(a);
  }
  if (a->concat_of[b] != EDB_CONCAT_NONE) {
    rival.kind = EDB_RIVAL_CONCAT;
    rival.op = a->concat_of[b];
  } else if (a->batch_of[b] != UINT32_MAX) {
    rival.op = a->group_ops[a->batch_of[b]];
  } else { /* results that a stack, or parts of a value, want in a row */
    rival.op = a->out->variables[e[0]].index;
  }
  return edb_vec_push(a->ctx, &rivals->list, rival) ? EDB_OK : no_memory(a);
}

static edb_status find_rivals(const edb_cell_adapter *a, uint32_t concat, edb_rivals *rivals) {
  edb_arrange_problem problem = {.n_variables = a->out->n_variables,
                                 .bytes = a->bytes,
                                 .n_batches = a->n_batches,
                                 .batches = a->batches};
  uint32_t n_tuples = 0, lost = UINT32_MAX;
  for (uint32_t b = 0; b < a->n_batches; n_tuples += a->batches[b++].n_tuples)
    if (a->concat_of[b] == concat) lost = n_tuples;
  if (lost == UINT32_MAX) return EDB_OK; /* its operands have no places of choice */
  uint8_t *is_rival = edb_alloc(a->ctx, n_tuples), *next = is_rival;
  if (!is_rival) return no_memory(a);
  edb_status status = edb_arrange_rivals(a->ctx, &problem, lost, is_rival, a->error);
  for (uint32_t b = 0; b < a->n_batches && status == EDB_OK; b++)
    for (uint32_t t = 0; t < a->batches[b].n_tuples && status == EDB_OK; t++)
      if (*next++) status = add_rival(a, b, t, rivals);
  edb_free(a->ctx, is_rival, n_tuples);
  return status;
}

edb_status edb_cell_find_rivals(edb_context *ctx, const edb_program *program, uint32_t cell,
                                uint32_t concat, edb_rivals *rivals, edb_error *error) {
  edb_cell_adapter a = {.ctx = ctx, .error = error};
  bool planned = false;
  edb_status status = edb_cell_adapter_open(&a, program, cell, EDB_LAYOUT_PLANNED, &planned);
  if (status == EDB_OK && planned) status = find_rivals(&a, concat, rivals);
  edb_cell_adapter_close(&a);
  return status;
}

void edb_rivals_free(edb_context *ctx, edb_rivals *rivals) {
  edb_vec_free(ctx, &rivals->list);
  edb_vec_free(ctx, &rivals->values);
}
