/* layout/spans.c: the skip list of spans. */
#include "layout/spans.h"

void edb_spans_init(edb_spans *spans, edb_context *ctx) {
  *spans = (edb_spans){.ctx = ctx, .n_levels = 1, .first = {EDB_SPAN_NONE}};
}

void edb_spans_free(edb_spans *spans) {
  edb_vec_free(spans->ctx, &spans->nodes);
}

edb_status edb_spans_reserve(edb_spans *spans, size_t wanted, edb_error *error) {
  if (edb_vec_reserve(spans->ctx, &spans->nodes, wanted)) return EDB_OK;
  return edb_fail_memory(error, sizeof(edb_span), "the columns of a plan");
}

static bool begins_after(edb_place a, edb_place b) {
  return a.slot > b.slot || (a.slot == b.slot && a.offset > b.offset);
}

/* On each level in use the last node that begins where `place` does or before. */
static void find_path(const edb_spans *spans, edb_place place, uint32_t *path) {
  uint32_t at = EDB_SPAN_NONE;
  const uint32_t *next = spans->first;
  EDB_ASSERT(spans->n_levels > 0);
  for (uint32_t level = spans->n_levels; level-- > 0; path[level] = at)
    for (uint32_t node = next[level]; node != EDB_SPAN_NONE; node = next[level]) {
      if (begins_after(spans->nodes.data[node].place, place)) break;
      at = node;
      next = spans->nodes.data[node].next;
    }
}

/* The same for the same number: plans do not differ from run to run. */
static uint32_t levels_of(uint32_t node) {
  uint32_t levels = 1;
  uint64_t bits = ((uint64_t)node + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
  for (; levels < EDB_SPAN_LEVELS && (bits & 3) == 0; bits >>= 2) levels++;
  return levels;
}

edb_status edb_spans_add(edb_spans *spans, edb_place place, uint32_t value, edb_error *error) {
  uint32_t path[EDB_SPAN_LEVELS], node = (uint32_t)spans->nodes.length;
  uint32_t n_levels = levels_of(node);
  edb_span span = {.place = place, .value = value};
  EDB_TRY(edb_spans_reserve(spans, spans->nodes.length + 1, error));
  spans->nodes.data[spans->nodes.length++] = span;
  while (spans->n_levels < n_levels) spans->first[spans->n_levels++] = EDB_SPAN_NONE;
  find_path(spans, place, path);
  for (uint32_t level = 0; level < n_levels; level++) {
    uint32_t *before =
        path[level] == EDB_SPAN_NONE ? spans->first : spans->nodes.data[path[level]].next;
    spans->nodes.data[node].next[level] = before[level];
    before[level] = node;
  }
  return EDB_OK;
}

edb_span *edb_spans_find(const edb_spans *spans, edb_place place) {
  uint32_t path[EDB_SPAN_LEVELS];
  find_path(spans, place, path);
  return edb_spans_at(spans, path[0]);
}
