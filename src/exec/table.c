/* exec/table.c: pages of rows by index. */
#include "exec/table.h"

#include <string.h>

#include "layout/placement.h"

#define PAGE_BYTES ((size_t)256 * 1024)

/* Rows of all outputs are a multiple of this in number, so that each output begins aligned. */
#define PAGE_UNIT 16u

static size_t row_bytes(const edb_tables *t, uint32_t cell, uint32_t output) {
  return edb_row_stride(edb_shape_size(t->program->cells[cell].outputs[output].shape)) *
         t->element_bytes;
}

/* Indices that are labels may be absent, and dense attributes are hardly ever equal. */
static bool can_be_tabled(const edb_type_sig *sig) {
  return sig->n_inputs == 0 && sig->n_dense == 0 && sig->n_indices <= 1 &&
         (sig->n_indices == 0 || !sig->indices[0].is_label);
}

/* The list of rows may take a fourth of the budget. */
static void size_table(edb_tables *t, uint32_t cell) {
  const edb_type_sig *sig = &t->program->cells[cell].sig;
  edb_table *table = &t->tables[cell];
  if (!can_be_tabled(sig)) return;
  table->bound = sig->n_indices ? sig->indices[0].bound : 1;
  if (table->bound > t->budget_bytes / 4 / sizeof *table->row_of) return;
  size_t all = 0;
  for (uint32_t o = 0; o < sig->n_outputs; o++) all += row_bytes(t, cell, o);
  size_t rows = PAGE_BYTES / (all + 1), most = table->bound;
  if (rows > most) rows = most;
  rows = (rows + PAGE_UNIT - 1) / PAGE_UNIT * PAGE_UNIT;
  if (rows == 0) rows = PAGE_UNIT;
  if (!edb_mul_size(rows, all, &table->page_bytes) || table->page_bytes > t->budget_bytes) return;
  table->page_rows = (uint32_t)rows;
  t->tabled[cell] = true;
}

edb_status edb_tables_init(edb_tables *t, edb_context *ctx, const edb_program *program,
                           size_t element_bytes, size_t budget_bytes, edb_error *error) {
  size_t bytes = program->n_cells * (sizeof *t->tables + 1);
  *t = (edb_tables){
      .ctx = ctx, .program = program, .element_bytes = element_bytes, .budget_bytes = budget_bytes};
  t->tables = edb_alloc_zero(ctx, bytes);
  if (bytes == 0) return EDB_OK;
  if (!t->tables) return edb_fail_memory(error, bytes, "the tables of a session");
  t->tabled = (uint8_t *)(t->tables + program->n_cells);
  for (uint32_t c = 0; c < program->n_cells; c++) size_table(t, c);
  return EDB_OK;
}

static void free_retired(edb_tables *t) {
  for (size_t i = 0; i < t->retired.length; i++) {
    t->used_bytes -= t->retired.data[i].bytes;
    edb_free(t->ctx, t->retired.data[i].data, t->retired.data[i].bytes);
  }
  t->retired.length = 0;
}

void edb_tables_free(edb_tables *t) {
  if (!t->tables) return;
  free_retired(t);
  for (uint32_t c = 0; c < t->program->n_cells; c++) {
    edb_table *table = &t->tables[c];
    for (size_t i = 0; i < table->pages.length; i++)
      edb_free(t->ctx, table->pages.data[i], table->page_bytes);
    edb_vec_free(t->ctx, &table->pages);
    if (table->row_of) edb_free(t->ctx, table->row_of, table->bound * sizeof *table->row_of);
  }
  edb_vec_free(t->ctx, &t->retired);
  edb_free(t->ctx, t->tables, t->program->n_cells * (sizeof *t->tables + 1));
  *t = (edb_tables){0};
}

/* ---- Weights that change -----------------------------------------------------------------------
 */

/* Every page has room in the list of retired ones, made with the page, so that this cannot fail. */
static void retire_pages(edb_tables *t, edb_table *table) {
  for (size_t i = 0; i < table->pages.length; i++)
    t->retired.data[t->retired.length++] = (edb_page){table->pages.data[i], table->page_bytes};
  table->pages.length = 0;
}

void edb_tables_begin(edb_tables *t, uint64_t version, bool forget) {
  if (forget) free_retired(t);
  if (t->version == version) return;
  t->version = version;
  for (uint32_t c = 0; c < t->program->n_cells; c++) {
    edb_table *table = &t->tables[c];
    if (table->n_rows == 0) continue;
    memset(table->row_of, 0, table->bound * sizeof *table->row_of);
    table->n_rows = 0;
    if (!forget) retire_pages(t, table);
  }
}

/* ---- Rows -------------------------------------------------------------------------------------
 */

uint32_t edb_table_find(const edb_tables *t, uint32_t cell, uint32_t index) {
  const edb_table *table = &t->tables[cell];
  return table->row_of ? table->row_of[index] - 1 : UINT32_MAX;
}

static bool has_budget(const edb_tables *t, size_t bytes) {
  return bytes <= t->budget_bytes && t->used_bytes <= t->budget_bytes - bytes;
}

static bool add_page(edb_tables *t, edb_table *table) {
  size_t pages = t->retired.length + 1;
  if (!has_budget(t, table->page_bytes)) return false;
  for (uint32_t c = 0; c < t->program->n_cells; c++) pages += t->tables[c].pages.length;
  if (!edb_vec_reserve(t->ctx, &t->retired, pages) ||
      !edb_vec_reserve(t->ctx, &table->pages, table->pages.length + 1))
    return false;
  char *page = edb_alloc(t->ctx, table->page_bytes);
  if (!page) return false;
  t->used_bytes += table->page_bytes;
  table->pages.data[table->pages.length++] = page;
  return true;
}

static bool open_table(edb_tables *t, edb_table *table) {
  size_t bytes = table->bound * sizeof *table->row_of;
  if (table->row_of) return true;
  if (!has_budget(t, bytes)) return false;
  table->row_of = edb_alloc_zero(t->ctx, bytes);
  if (!table->row_of) return false;
  t->used_bytes += bytes;
  return true;
}

uint32_t edb_table_add(edb_tables *t, uint32_t cell, uint32_t index) {
  edb_table *table = &t->tables[cell];
  EDB_ASSERT(index < table->bound);
  if (!open_table(t, table)) return UINT32_MAX;
  if (table->n_rows == table->pages.length * table->page_rows && !add_page(t, table))
    return UINT32_MAX;
  table->row_of[index] = ++table->n_rows;
  return table->n_rows - 1;
}

void edb_table_remove(edb_tables *t, uint32_t cell, uint32_t index) {
  edb_table *table = &t->tables[cell];
  EDB_ASSERT(table->row_of[index] != 0 && table->n_rows > 0);
  table->row_of[index] = 0;
  table->n_rows--;
}

void edb_table_values(const edb_tables *t, uint32_t cell, uint32_t row, char **values) {
  const edb_table *table = &t->tables[cell];
  uint32_t page = row / table->page_rows, n_outputs = t->program->cells[cell].sig.n_outputs;
  char *at = table->pages.data[page];
  row -= page * table->page_rows;
  for (uint32_t o = 0; o < n_outputs; o++) {
    size_t bytes = row_bytes(t, cell, o);
    values[o] = at + bytes * row;
    at += bytes * table->page_rows;
  }
}
