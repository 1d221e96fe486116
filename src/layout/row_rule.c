/* layout/row_rule.c: see row_rule.h. */
#include "layout/row_rule.h"

#include "policy/cost.h"

edb_row_rule edb_row_rule_of(const edb_costs *costs, size_t l2_bytes) {
  edb_row_rule rule = {.near_bytes = 2 * l2_bytes};
  if (costs == NULL || !costs->has_rows) return rule;
  rule.measured = true;
  rule.rows[0] = costs->rows[0];
  rule.rows[1] = costs->rows[1];
  return rule;
}

double edb_row_ns(const double ns[EDB_ROW_WIDTHS], size_t columns) {
  size_t width = EDB_ROW_FIRST_WIDTH;
  uint32_t i = 0;
  if (columns <= width) return ns[0];
  for (; i + 1 < EDB_ROW_WIDTHS && 2 * width <= columns; i++) width *= 2;
  if (i + 1 == EDB_ROW_WIDTHS) return ns[i] * (double)columns / (double)width;
  return ns[i] + (ns[i + 1] - ns[i]) * (double)(columns - width) / (double)width;
}

static double pointer_ns(const edb_row_costs *rows, edb_reader reader, size_t columns) {
  return edb_row_ns(reader == EDB_READER_ELEMENTWISE ? rows->elementwise_ns : rows->product_ns,
                    columns);
}

bool edb_row_rule_points(const edb_row_rule *rule, edb_reader reader, size_t columns, bool far) {
  const edb_row_costs *rows = &rule->rows[far];
  if (reader == EDB_READER_OTHER || reader == EDB_READER_MATRICES)
    return reader == EDB_READER_MATRICES;
  if (!rule->measured)
    return reader != EDB_READER_ELEMENTWISE || columns >= EDB_ROW_POINTER_COLUMNS;
  return edb_row_ns(rows->gather_ns, columns) >=
         EDB_ROW_CLEARLY * pointer_ns(rows, reader, columns);
}

bool edb_row_rule_stores(const edb_row_rule *rule, edb_reader reader, size_t columns, bool far) {
  const edb_row_costs *rows = &rule->rows[far];
  if (!rule->measured || reader == EDB_READER_MATRICES) return false;
  double read = edb_row_rule_points(rule, reader, columns, far)
                    ? pointer_ns(rows, reader, columns)
                    : edb_row_ns(rows->gather_ns, columns);
  return edb_row_ns(rows->store_ns, columns) + EDB_ROW_PLAN_NS < EDB_ROW_CLEARLY * read;
}
