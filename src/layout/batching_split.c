/* layout/batching_split.c: a batch as one kernel, or as two that need no gather. */
#include <string.h>

#include "layout/batching_impl.h"

/* Larger batches stay as they are. */
#define MAX_SPLIT 64u

static edb_ref value(const edb_batching *b, uint32_t op, uint32_t operand) {
  return edb_batching_value(b, edb_batching_operand(b, op, operand));
}

static bool is_same(edb_ref a, edb_ref b) {
  return a.kind == b.kind && a.index == b.index;
}

static bool has_role(const edb_batching *b, edb_ref ref, edb_op_role role) {
  return ref.kind == EDB_REF_OP && b->role[ref.index] == role;
}

/* How many of the operators before position k take the same value as it does. */
static uint32_t occurrence(const edb_batching *b, const uint32_t *ops, uint32_t k,
                           uint32_t operand) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < k; i++)
    n += is_same(value(b, ops[i], operand), value(b, ops[k], operand));
  return n;
}

/* The first operand that no order brings together: results, some of them repeated, or parts of
 * values and concats, whose places others choose. UINT32_MAX: none. */
static uint32_t find_scattered(const edb_batching *b, const uint32_t *ops, uint32_t n) {
  for (uint32_t operand = 0; n > 1 && operand < b->cell->ops[ops[0]].n_operands; operand++) {
    bool results = false, views = false, repeated = false, constant = true;
    for (uint32_t k = 0; k < n; k++) {
      edb_ref ref = value(b, ops[k], operand);
      results |= has_role(b, ref, EDB_ROLE_KERNEL);
      views |= has_role(b, ref, EDB_ROLE_VIEW) || has_role(b, ref, EDB_ROLE_SEQUENCE);
      repeated |= occurrence(b, ops, k, operand) > 0;
      constant &= is_same(ref, value(b, ops[0], operand));
    }
    if (!constant && (views || (results && repeated))) return operand;
  }
  return UINT32_MAX;
}

static void add_batch(edb_batching *b, uint32_t n) {
  b->batch_start[b->n_batches + 1] = b->batch_start[b->n_batches] + n;
  b->n_batches++;
}

/* Whether an operator goes into the second half: it takes another value than the first one does, or
 * it takes one that was taken before. */
static bool is_second(const edb_batching *b, const uint32_t *ops, uint32_t k, uint32_t operand,
                      bool by_value) {
  if (by_value) return !is_same(value(b, ops[k], operand), value(b, ops[0], operand));
  return occurrence(b, ops, k, operand) > 0;
}

/* Cuts ops[0 .. n - 1] in two, in `halves`; returns the length of the first, or 0 if that does not
 * help. */
static uint32_t cut(const edb_batching *b, const uint32_t *ops, uint32_t n, uint32_t operand,
                    bool by_value, uint32_t *halves) {
  uint32_t at = 0, first = 0;
  for (int second = 0; second < 2; second++) {
    for (uint32_t k = 0; k < n; k++)
      if (is_second(b, ops, k, operand, by_value) == (second == 1)) halves[at++] = ops[k];
    if (second == 0) first = at;
  }
  bool helps = find_scattered(b, halves, first) == UINT32_MAX &&
               find_scattered(b, halves + first, n - first) == UINT32_MAX;
  return helps ? first : 0;
}

void edb_batching_add(edb_batching *b, const uint32_t *ops, uint32_t n) {
  uint32_t *out = b->ops + b->batch_start[b->n_batches], halves[MAX_SPLIT];
  memcpy(out, ops, n * sizeof *out);
  uint32_t operand = n <= MAX_SPLIT ? find_scattered(b, out, n) : UINT32_MAX, first = 0;
  if (operand != UINT32_MAX) first = cut(b, out, n, operand, true, halves);
  if (operand != UINT32_MAX && first == 0) first = cut(b, out, n, operand, false, halves);
  if (first == 0) {
    add_batch(b, n);
    return;
  }
  memcpy(out, halves, n * sizeof *out);
  add_batch(b, first);
  add_batch(b, n - first);
}
