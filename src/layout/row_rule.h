/* layout/row_rule.h: how a row that was made elsewhere comes to its reader: gathered beside others,
 * read where it is through a pointer, or stored a second time by its producer. What is fastest was
 * measured on this machine (edb_costs_measure_rows), or else on another one (bench_rows). The bits
 * are the same. */
#ifndef EDB_LAYOUT_ROW_RULE_H
#define EDB_LAYOUT_ROW_RULE_H

#include <edbatch/policy.h>

#include "layout/plan_inputs.h"

typedef struct edb_row_rule {
  bool measured;
  edb_row_costs rows[2]; /* near, and far */
  size_t near_bytes;     /* rows of mini-batches that take no more are near */
} edb_row_rule;

/* Without measurements: a product reads rows through pointers as fast as side by side and does
 * without the gather; elementwise operators, called once per row, do from so many columns on; a
 * scattered store takes as long as the gather that it saves (a Sapphire Rapids). Matrices are read
 * where they are: one call each as it is. */
#define EDB_ROW_POINTER_COLUMNS 128

/* What deciding where a row is stored directly takes, about (bench_placement). */
#define EDB_ROW_PLAN_NS 30.0

/* What is less by no more than a fifth counts as equal: then rows stay where they are. */
#define EDB_ROW_CLEARLY 0.8

/* `costs` may be NULL; of a machine with such a second-level cache. */
edb_row_rule edb_row_rule_of(const edb_costs *costs, size_t l2_bytes);

/* Rows of so many columns, between those that were measured. */
double edb_row_ns(const double ns[EDB_ROW_WIDTHS], size_t columns);

/* Whether rows that are not evenly spaced are read through pointers. */
bool edb_row_rule_points(const edb_row_rule *rule, edb_reader reader, size_t columns, bool far);

/* Whether rows are stored straight into the operand, though that be the second store. */
bool edb_row_rule_stores(const edb_row_rule *rule, edb_reader reader, size_t columns, bool far);

#endif
