/* layout/spans.h: stretches of columns in the order of their slots and first columns: a skip list,
 * so that adding one and finding what lies at a column take logarithmic time. They may overlap;
 * those that begin at one column stand as they were added. */
#ifndef EDB_LAYOUT_SPANS_H
#define EDB_LAYOUT_SPANS_H

#include "base/vec.h"
#include "layout/plan.h"

#define EDB_SPAN_NONE   UINT32_MAX
#define EDB_SPAN_LEVELS 12u /* of which a span is in the next one with probability 1/4 */

typedef struct edb_span {
  edb_place place; /* its width may be changed */
  uint32_t value;
  uint32_t next[EDB_SPAN_LEVELS];
} edb_span;

typedef struct edb_spans {
  edb_context *ctx;
  EDB_VEC(edb_span) nodes;
  uint32_t n_levels; /* in use */
  uint32_t first[EDB_SPAN_LEVELS];
} edb_spans;

void edb_spans_init(edb_spans *spans, edb_context *ctx);
void edb_spans_free(edb_spans *spans);
/* Room for `wanted` in all. */
EDB_MUST_CHECK edb_status edb_spans_reserve(edb_spans *spans, size_t wanted, edb_error *error);
EDB_MUST_CHECK edb_status edb_spans_add(edb_spans *spans, edb_place place, uint32_t value,
                                        edb_error *error);
/* The last span that begins where `place` does or before it, in any slot; NULL: none. */
edb_span *edb_spans_find(const edb_spans *spans, edb_place place);

/* All in order: from the first to the one after each; NULL: no more. */
static inline edb_span *edb_spans_at(const edb_spans *spans, uint32_t node) {
  return node == EDB_SPAN_NONE ? NULL : &spans->nodes.data[node];
}
static inline edb_span *edb_spans_first(const edb_spans *spans) {
  return edb_spans_at(spans, spans->first[0]);
}
static inline edb_span *edb_spans_next(const edb_spans *spans, const edb_span *span) {
  return edb_spans_at(spans, span->next[0]);
}

#endif
