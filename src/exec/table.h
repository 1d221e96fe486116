/* exec/table.h: values of cells that depend on one index only (or on nothing), kept from run to run
 * for as long as the weights stay the same.
 *
 * A row is made when its index is first asked for. Rows stand in pages, output by output, so that
 * those made together are a batch like any other:
 *
 *     page | h rows 0 .. r - 1 | c rows 0 .. r - 1 |
 *
 * Pages of weights that have changed are given back once no value of an earlier run can be in them.
 * All of it stays within a budget; what has no room is not kept. */
#ifndef EDB_EXEC_TABLE_H
#define EDB_EXEC_TABLE_H

#include "base/vec.h"
#include "model/ir.h"

typedef struct edb_page {
  char *data;
  size_t bytes;
} edb_page;

typedef struct edb_table {
  uint32_t bound;   /* indices 0 .. bound - 1 */
  uint32_t *row_of; /* [bound] row + 1, or 0; NULL until the table is used */
  uint32_t n_rows;
  uint32_t page_rows; /* 0: the cell is not tabled */
  size_t page_bytes;
  EDB_VEC(char *) pages;
} edb_table;

typedef struct edb_tables {
  edb_context *ctx;
  const edb_program *program;
  size_t element_bytes, budget_bytes, used_bytes;
  uint64_t version;  /* of the weights that the rows were made with */
  edb_table *tables; /* [cells] */
  uint8_t *tabled;   /* [cells] */
  EDB_VEC(edb_page) retired;
} edb_tables;

/* A budget of 0: no cell is tabled. */
EDB_MUST_CHECK edb_status edb_tables_init(edb_tables *tables, edb_context *ctx,
                                          const edb_program *program, size_t element_bytes,
                                          size_t budget_bytes, edb_error *error);
void edb_tables_free(edb_tables *tables);

/* Before a run with weights of this version. `forget`: no value of an earlier run is needed. */
void edb_tables_begin(edb_tables *tables, uint64_t version, bool forget);

/* The row of an index, or UINT32_MAX; and a new one, which has to be filled (UINT32_MAX: there is
 * no room). */
uint32_t edb_table_find(const edb_tables *tables, uint32_t cell, uint32_t index);
uint32_t edb_table_add(edb_tables *tables, uint32_t cell, uint32_t index);
/* Takes back what was added last, in any order. */
void edb_table_remove(edb_tables *tables, uint32_t cell, uint32_t index);
/* Addresses of the outputs in a row. */
void edb_table_values(const edb_tables *tables, uint32_t cell, uint32_t row, char **values);
/* Whether two rows stand in one page. */
static inline bool edb_table_together(const edb_tables *t, uint32_t cell, uint32_t a, uint32_t b) {
  return a / t->tables[cell].page_rows == b / t->tables[cell].page_rows;
}

#endif
