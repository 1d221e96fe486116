/* layout/spans.c: the skip list of spans. */
#include "layout/spans.h"

#include <string.h>

void edb_spans_init(edb_spans *spans, edb_context *ctx) {
  *spans = (edb_spans){.ctx = ctx};
  memset(spans->first, 0xff, sizeof spans->first);
}

void edb_spans_free(edb_spans *spans) {
  edb_vec_free(spans->ctx, &spans->nodes);
}

static bool begins_after(edb_place a, edb_place b) {
  return a.slot > b.slot || (a.slot == b.slot && a.offset > b.offset);
}

/* On each level the last node that begins where `place` does or before. */
static void find_path(const edb_spans *spans, edb_place place, uint32_t *path) {
  uint32_t at = EDB_SPAN_NONE;
  for (uint32_t level = EDB_SPAN_LEVELS; level-- > 0; path[level] = at) {
    for (;;) {
      const uint32_t *next = at == EDB_SPAN_NONE ? spans->first : spans->nodes.data[at].next;
      if (next[level] == EDB_SPAN_NONE || begins_after(spans->nodes.data[next[level]].place, place))
        break;
      at = next[level];
    }
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
  edb_span span = {.place = place, .value = value};
  memset(span.next, 0xff, sizeof span.next);
  if (!edb_vec_push(spans->ctx, &spans->nodes, span))
    return edb_fail_memory(error, sizeof span, "the columns of a plan");
  find_path(spans, place, path);
  for (uint32_t level = 0; level < levels_of(node); level++) {
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
