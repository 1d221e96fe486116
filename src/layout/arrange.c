/* layout/arrange.c: reads the problem of an arrangement, and says what an order means for each
 * batch. */
#include <string.h>

#include "layout/arrange_impl.h"

/* ---- The problem as given -------------------------------------------------------------------- */

static bool is_constant(const uint32_t *elements, uint32_t size) {
  for (uint32_t i = 1; i < size; i++)
    if (elements[i] != elements[0]) return false;
  return true;
}

/* Bytes of a tuple, and whether it can be placed at all; `stamp` marks what was seen in it. */
static edb_status classify(const edb_arrange_problem *problem, edb_tuple *t, uint32_t *stamp,
                           uint32_t mark, edb_error *error) {
  bool outside = false, repeated = false;
  for (uint32_t i = 0; i < t->size; i++) {
    uint32_t v = t->elements[i];
    if (v == EDB_ARRANGE_OUTSIDE) {
      outside = true;
      continue;
    }
    EDB_FAIL_IF(v >= problem->n_variables, error, EDB_ERROR_ARGUMENT,
                "batch %u has variable %u, but there are %u", t->batch, v, problem->n_variables);
    EDB_FAIL_IF(!edb_add_size(t->bytes, problem->bytes[v], &t->bytes), error, EDB_ERROR_LIMIT,
                "batch %u has more bytes than can be counted", t->batch);
    repeated |= stamp[v] == mark;
    stamp[v] = mark;
  }
  EDB_FAIL_IF(t->is_result && repeated, error, EDB_ERROR_ARGUMENT,
              "batch %u gives the same result twice", t->batch);
  bool constant = is_constant(t->elements, t->size);
  bool in_order = problem->batches[t->batch].in_order;
  if (t->size < 2 || (constant && !in_order && (outside || !t->is_result)))
    t->fate = EDB_TUPLE_FREE;
  else
    t->fate = outside || repeated ? EDB_TUPLE_COPIED : EDB_TUPLE_PLACED;
  return EDB_OK;
}

static edb_status read_tuples(edb_arranger *a) {
  const edb_arrange_problem *p = a->problem;
  uint32_t n = 0;
  size_t total = 0;
  for (uint32_t b = 0; b < p->n_batches; b++) {
    const edb_arrange_batch *batch = &p->batches[b];
    EDB_FAIL_IF(batch->in_order && batch->n_tuples != 1, a->error, EDB_ERROR_ARGUMENT,
                "batch %u has an order of its own and %u tuples, not one", b, batch->n_tuples);
    a->tuple_start[b] = n;
    for (uint32_t t = 0; t < batch->n_tuples; t++) {
      edb_tuple *tuple = &a->tuples[n++];
      *tuple = (edb_tuple){.elements = batch->elements + (size_t)t * batch->size,
                           .size = batch->size,
                           .batch = b,
                           .is_result = t == 0 && !batch->in_order};
      EDB_TRY(classify(p, tuple, a->position, n, a->error));
      EDB_FAIL_IF(!edb_add_size(total, tuple->bytes, &total), a->error, EDB_ERROR_LIMIT,
                  "the batches have more bytes than can be counted");
    }
  }
  a->tuple_start[p->n_batches] = n;
  return EDB_OK;
}

/* Sums over the batches, checked against 32 bits. */
static edb_status count_problem(edb_arranger *a, size_t *elements) {
  const edb_arrange_problem *p = a->problem;
  uint64_t tuples = 0, operators = 0;
  *elements = 0;
  for (uint32_t b = 0; b < p->n_batches; b++) {
    size_t product = 0;
    tuples += p->batches[b].n_tuples;
    operators += p->batches[b].size;
    if (p->batches[b].size > a->largest) a->largest = p->batches[b].size;
    EDB_FAIL_IF(!edb_mul_size(p->batches[b].n_tuples, p->batches[b].size, &product) ||
                    !edb_add_size(*elements, product, elements) || tuples > UINT32_MAX ||
                    operators > UINT32_MAX,
                a->error, EDB_ERROR_LIMIT, "the batches have more operators than can be counted");
  }
  a->n_tuples = (uint32_t)tuples;
  a->n_operators = (uint32_t)operators;
  return EDB_OK;
}

/* ---- Working memory: one block --------------------------------------------------------------- */

/* Takes `count` elements from the block at *at; without a block it only counts. */
static void *take(char *block, size_t *at, size_t count, size_t bytes) {
  void *p = block ? block + *at : NULL;
  *at += (count * bytes + 15) / 16 * 16;
  return p;
}

static size_t lay_out(edb_arranger *a, char *block) {
  size_t at = 0, n = a->problem->n_variables, k = a->largest;
  a->tuples = take(block, &at, a->n_tuples, sizeof *a->tuples);
  a->tuple_start = take(block, &at, (size_t)a->problem->n_batches + 1, sizeof(uint32_t));
  a->nodes = take(block, &at, 2 * n, sizeof *a->nodes);
  a->leaves = take(block, &at, n, sizeof(uint32_t));
  a->place = take(block, &at, n, sizeof(uint32_t));
  a->position = take(block, &at, n, sizeof(uint32_t));
  a->position_2 = take(block, &at, n, sizeof(uint32_t));
  a->order = take(block, &at, n, sizeof(uint32_t));
  a->set = take(block, &at, k, sizeof(uint32_t));
  a->owner = take(block, &at, k, sizeof(uint32_t));
  a->way = take(block, &at, 3 * k, sizeof(uint32_t));
  a->child_start = take(block, &at, 2 * n, sizeof(uint32_t));
  a->children = take(block, &at, 2 * n, sizeof(uint32_t));
  a->weight = take(block, &at, 2 * n, sizeof(uint32_t));
  a->link = take(block, &at, 2 * n + 1, sizeof(uint32_t));
  a->turned = take(block, &at, 2 * n + 1, sizeof(uint8_t));
  a->stack = take(block, &at, 4 * n + 2, sizeof *a->stack);
  return at;
}

/* ---- The result ------------------------------------------------------------------------------ */

/* NULL: no memory. */
static edb_arrangement *new_arrangement(const edb_arranger *a) {
  size_t n = a->problem->n_variables;
  edb_arrangement *r = edb_alloc_zero(a->ctx, sizeof *r);
  if (!r) return NULL;
  *r = (edb_arrangement){.ctx = a->ctx,
                         .n_variables = a->problem->n_variables,
                         .n_operators = a->n_operators,
                         .n_tuples = a->n_tuples};
  r->order = edb_alloc(a->ctx, n * sizeof *r->order);
  r->operators = edb_alloc(a->ctx, a->n_operators * sizeof *r->operators);
  r->fate = edb_alloc(a->ctx, a->n_tuples);
  if ((!n || r->order) && (!a->n_operators || r->operators) && (!a->n_tuples || r->fate)) return r;
  edb_arrangement_destroy(r);
  return NULL;
}

void edb_arrangement_destroy(edb_arrangement *r) {
  if (!r) return;
  edb_context *ctx = r->ctx;
  edb_free(ctx, r->order, r->order ? r->n_variables * sizeof *r->order : 0);
  edb_free(ctx, r->operators, r->operators ? r->n_operators * sizeof *r->operators : 0);
  edb_free(ctx, r->fate, r->fate ? r->n_tuples : 0);
  edb_free(ctx, r, sizeof *r);
}

/* Whether a tuple stands together in a->place; then low is its first place. */
static bool is_together(const edb_arranger *a, const edb_tuple *t, uint32_t *low) {
  uint32_t high = 0;
  *low = UINT32_MAX;
  if (t->fate != EDB_TUPLE_PLACED) return false;
  for (uint32_t i = 0; i < t->size; i++) {
    uint32_t place = a->place[t->elements[i]];
    if (place < *low) *low = place;
    if (place > high) high = place;
  }
  return high - *low + 1 == t->size;
}

/* The operators of a batch in the order in which its first tuple that can be used in place stands.
 */
static void read_operators(const edb_arranger *a, uint32_t batch, uint32_t *operators) {
  uint32_t size = a->problem->batches[batch].size, low;
  for (uint32_t k = 0; k < size; k++) operators[k] = k;
  if (a->problem->batches[batch].in_order) return;
  for (uint32_t i = a->tuple_start[batch]; i < a->tuple_start[batch + 1]; i++) {
    const edb_tuple *t = &a->tuples[i];
    if (t->state != EDB_TUPLE_ON || !is_together(a, t, &low)) continue;
    for (uint32_t k = 0; k < size; k++) operators[a->place[t->elements[k]] - low] = k;
    return;
  }
}

static bool stands_in_order(const edb_arranger *a, const edb_tuple *t, const uint32_t *operators) {
  uint32_t low;
  if (!is_together(a, t, &low)) return false;
  for (uint32_t k = 0; k < t->size; k++)
    if (a->place[t->elements[operators[k]]] != low + k) return false;
  return true;
}

/* What the order a->order means for every batch. */
static void judge(edb_arranger *a, edb_arrangement *r) {
  uint32_t *operators = r->operators;
  for (uint32_t i = 0; i < r->n_variables; i++) a->place[a->order[i]] = i;
  if (r->n_variables) memcpy(r->order, a->order, r->n_variables * sizeof *r->order);
  for (uint32_t b = 0; b < a->problem->n_batches; b++) {
    read_operators(a, b, operators);
    for (uint32_t i = a->tuple_start[b]; i < a->tuple_start[b + 1]; i++) {
      const edb_tuple *t = &a->tuples[i];
      r->fate[i] = (uint8_t)t->fate;
      if (t->fate == EDB_TUPLE_PLACED && !stands_in_order(a, t, operators))
        r->fate[i] = EDB_TUPLE_COPIED;
      if (r->fate[i] != EDB_TUPLE_COPIED) continue;
      r->n_copied++;
      r->copied_bytes += t->bytes;
    }
    operators += a->problem->batches[b].size;
  }
}

static edb_status check_order(edb_arranger *a, const uint32_t *order) {
  uint32_t n = a->problem->n_variables;
  for (uint32_t i = 0; i < n; i++) a->place[i] = UINT32_MAX;
  for (uint32_t i = 0; i < n; i++) {
    a->order[i] = order ? order[i] : i;
    EDB_FAIL_IF(a->order[i] >= n || a->place[a->order[i]] != UINT32_MAX, a->error,
                EDB_ERROR_ARGUMENT, "an order of %u variables has %u twice, or none such", n,
                a->order[i]);
    a->place[a->order[i]] = i;
  }
  for (uint32_t i = 0; i < a->n_tuples; i++) a->tuples[i].state = EDB_TUPLE_ON;
  return EDB_OK;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

typedef struct request {
  bool given; /* judge the order below; else look for one */
  const uint32_t *order;
  uint8_t *rivals; /* of tuple `lost`, if asked for */
  uint32_t lost;
} request;

static edb_status run(edb_arranger *a, request wish, size_t elements, bool *exact) {
  EDB_TRY(read_tuples(a));
  bool too_many =
      a->problem->n_variables > EDB_ARRANGE_MAX_VARIABLES || elements > EDB_ARRANGE_MAX_ELEMENTS;
  *exact = false;
  if (wish.given || too_many) return check_order(a, wish.order);
  EDB_TRY(edb_pqtree_create(a->ctx, a->problem->n_variables, &a->tree, a->error));
  (void)edb_pqtree_mark(a->tree);
  EDB_TRY(edb_arrange_search(a, elements, exact));
  if (!wish.rivals || wish.lost >= a->n_tuples) return EDB_OK;
  return edb_arrange_find_rivals(a, wish.lost, wish.rivals);
}

static edb_status arrange(edb_context *ctx, const edb_arrange_problem *problem, request wish,
                          edb_arrangement **out, edb_error *error) {
  edb_arranger a = {.ctx = ctx, .problem = problem, .error = error};
  size_t elements = 0;
  EDB_TRY(count_problem(&a, &elements));
  size_t bytes = lay_out(&a, NULL);
  char *block = edb_alloc_zero(ctx, bytes);
  edb_arrangement *result = new_arrangement(&a);
  edb_status status = EDB_OK;
  if (!block || !result) {
    status = edb_fail_memory(error, bytes, "an arrangement");
    goto cleanup;
  }
  lay_out(&a, block);
  EDB_TRY_GOTO(status, run(&a, wish, elements, &result->exact), cleanup);
  judge(&a, result);
  *out = result;
  result = NULL;
cleanup:
  edb_arrangement_destroy(result);
  edb_pqtree_destroy(a.tree);
  edb_free(ctx, block, block ? bytes : 0);
  return status;
}

edb_status edb_arrange(edb_context *ctx, const edb_arrange_problem *problem, edb_arrangement **out,
                       edb_error *error) {
  return arrange(ctx, problem, (request){0}, out, error);
}

edb_status edb_arrange_judge(edb_context *ctx, const edb_arrange_problem *problem,
                             const uint32_t *order, edb_arrangement **out, edb_error *error) {
  return arrange(ctx, problem, (request){.given = true, .order = order}, out, error);
}

edb_status edb_arrange_rivals(edb_context *ctx, const edb_arrange_problem *problem, uint32_t lost,
                              uint8_t *rivals, edb_error *error) {
  edb_arrangement *met = NULL;
  uint32_t n_tuples = 0;
  for (uint32_t b = 0; b < problem->n_batches; b++) n_tuples += problem->batches[b].n_tuples;
  if (n_tuples) memset(rivals, 0, n_tuples);
  request wish = {.rivals = rivals, .lost = lost};
  EDB_TRY(arrange(ctx, problem, wish, &met, error));
  edb_arrangement_destroy(met);
  return EDB_OK;
}
