/* layout/batching_split.c: a batch as one kernel, or as several that need no gather. */
#include <string.h>

#include "layout/batching_impl.h"

/* Larger batches stay as they are. */
#define MAX_SPLIT 64u

/* A batch on its way to be cut: operators with equal parts stay together. */
typedef struct splitter {
  const edb_batching *batching;
  const uint32_t *ops;
  uint32_t n, n_parts;
  uint32_t part[MAX_SPLIT];
  uint32_t mark[MAX_SPLIT]; /* what is to tell operators of one part apart */
} splitter;

static edb_ref value(const splitter *s, uint32_t k, uint32_t operand) {
  return edb_batching_value(s->batching, edb_batching_operand(s->batching, s->ops[k], operand));
}

static bool is_same(edb_ref a, edb_ref b) {
  return a.kind == b.kind && a.index == b.index;
}

/* Parameters and numbers, and what depends on them alone: packed in any order. */
static bool is_static(const splitter *s, edb_ref ref) {
  if (ref.kind == EDB_REF_OP) return s->batching->role[ref.index] == EDB_ROLE_STATIC;
  return ref.kind == EDB_REF_PARAM || ref.kind == EDB_REF_NUMBER;
}

/* Parts with different marks come apart. */
static void cut(splitter *s) {
  uint32_t part[MAX_SPLIT], n_parts = 0;
  for (uint32_t k = 0; k < s->n; k++) {
    part[k] = n_parts;
    for (uint32_t i = 0; i < k && part[k] == n_parts; i++)
      if (s->part[i] == s->part[k] && s->mark[i] == s->mark[k]) part[k] = part[i];
    n_parts += part[k] == n_parts;
  }
  memcpy(s->part, part, s->n * sizeof *part);
  s->n_parts = n_parts;
}

/* Inputs come from elsewhere: they stand together with inputs only. */
static void cut_by_origin(splitter *s, uint32_t operand) {
  for (uint32_t k = 0; k < s->n; k++) {
    edb_ref ref = value(s, k, operand);
    s->mark[k] = ref.kind == EDB_REF_INPUT || ref.kind == EDB_REF_DENSE                      ? 0
                 : ref.kind == EDB_REF_OP && s->batching->role[ref.index] != EDB_ROLE_KERNEL ? 1
                                                                                             : 2;
  }
  cut(s);
}

/* Operators of a part that take the value of operator k: those before it, and all. */
typedef struct occurrences {
  uint32_t before, all, first;
} occurrences;

static occurrences count(const splitter *s, uint32_t k, uint32_t operand) {
  occurrences o = {.first = k};
  for (uint32_t i = 0; i < s->n; i++) {
    if (s->part[i] != s->part[k] || !is_same(value(s, i, operand), value(s, k, operand))) continue;
    if (i < o.first) o.first = i;
    o.before += i < k;
    o.all++;
  }
  return o;
}

/* Among values that are repeated, either each comes with itself (one value for all operators is
 * read again and again) or each repetition makes a kernel of its own, whichever is fewer. */
static void cut_repeated(splitter *s, uint32_t operand) {
  uint32_t values[MAX_SPLIT] = {0}, most[MAX_SPLIT] = {0};
  for (uint32_t k = 0; k < s->n; k++) {
    occurrences o = count(s, k, operand);
    values[s->part[k]] += o.before == 0;
    if (o.all > most[s->part[k]]) most[s->part[k]] = o.all;
  }
  for (uint32_t k = 0; k < s->n; k++) {
    uint32_t part = s->part[k];
    occurrences o = count(s, k, operand);
    s->mark[k] = 0;
    if (values[part] > 1 && most[part] > 1 && !is_static(s, value(s, k, operand)))
      s->mark[k] = values[part] <= most[part] ? o.first : o.before;
  }
  cut(s);
}

void edb_batching_add(edb_batching *b, const uint32_t *ops, uint32_t n) {
  splitter s = {.batching = b, .ops = ops, .n = n, .n_parts = 1};
  uint32_t *out = b->ops + b->batch_start[b->n_batches];
  const edb_ir_op *first = &b->cell->ops[ops[0]];
  if (n > 1 && n <= MAX_SPLIT && edb_batching_is_elementwise(first->kind)) {
    for (uint32_t i = 0; i < first->n_operands; i++) {
      cut_by_origin(&s, i);
      cut_repeated(&s, i);
    }
  }
  for (uint32_t part = 0; part < s.n_parts; part++) {
    for (uint32_t k = 0; k < n; k++)
      if (s.n_parts == 1 || s.part[k] == part) *out++ = ops[k];
    b->n_batches++;
    b->batch_start[b->n_batches] = (uint32_t)(out - b->ops);
  }
}
