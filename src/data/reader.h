/* data/reader.h: the inside of a dataset, and what the readers of all forms share.
 *
 * A reader builds one instance at a time in a graph of its own (`scratch`) and commits it as a
 * whole, so that a bad instance leaves nothing behind but the words it brought into a growing
 * vocabulary.
 */
#ifndef EDB_DATA_READER_H
#define EDB_DATA_READER_H

#include <edbatch/data.h>

#include "base/vec.h"
#include "data/bind.h"

#define EDB_ORDER_IDENTITY SIZE_MAX

struct edb_dataset {
  edb_context *ctx;
  const edb_model *model;
  edb_graph *graph;            /* all instances */
  EDB_VEC(size_t) order_start; /* per instance: into `order`, or EDB_ORDER_IDENTITY */
  EDB_VEC(uint32_t) order;     /* input order -> node within the instance */
  /* What the model must still hold when an instance is appended to a graph: per cell, one after
   * another, the least bound of every index attribute and the length of every dense one. */
  EDB_VEC(uint32_t) limits;
  EDB_VEC(size_t) limit_start; /* per cell */
  uint32_t skipped;
};

typedef struct edb_reader {
  edb_context *ctx;
  edb_model *model;
  const edb_program *program;
  const char *name; /* of the file */
  const char *text, *end;
  struct {
    const char *name, *text, *end;
  } second; /* the other file of a pair; name == NULL: there is none */
  edb_data_params params;
  bool grows;               /* the model is not sealed: new words and ids extend its vocabularies */
  const edb_schema *schema; /* of the model; bounds and sizes follow the vocabularies */
  edb_graph *scratch;
  edb_dataset *dataset;
  edb_error first_bad; /* of the skipped instances */
} edb_reader;

/* EDB_ERROR_MISMATCH when sizes or vocabularies of the model no longer fit the instances. */
EDB_MUST_CHECK edb_status edb_dataset_check_fit(const edb_dataset *dataset,
                                                const edb_schema *schema, edb_error *error);

/* Reads the file in the form that it has, or that the caller says (formats.c). */
EDB_MUST_CHECK edb_status edb_read_form(edb_reader *reader, edb_error *error);
/* Whether the model has a read section for a form. */
bool edb_has_section(const edb_model *model, edb_data_format format);
/* EDB_ERROR_NAME: a read section of the model is for no form. */
EDB_MUST_CHECK edb_status edb_check_sections(const edb_model *model, edb_error *error);
/* Whether a path may name two files. */
bool edb_reads_pairs(const edb_model *model, const edb_data_params *params);

/* Readers of the forms: from `text` to `end`. */
EDB_MUST_CHECK edb_status edb_read_trees(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_grids(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_tags(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_text(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_pairs(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_lattices(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_dags(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_plans(edb_reader *reader, edb_error *error);
EDB_MUST_CHECK edb_status edb_read_jsonl(edb_reader *reader, edb_error *error);

static inline edb_place edb_reader_place(const edb_reader *reader, uint32_t line, uint32_t column) {
  return (edb_place){reader->name, line, column};
}

/* White space between instances. */
static inline bool edb_is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Begins an instance, dropping what one that failed has left. */
EDB_MUST_CHECK edb_status edb_reader_begin(edb_reader *reader, edb_error *error);
/* Appends a call to the instance. */
EDB_MUST_CHECK edb_status edb_reader_call(edb_reader *reader, const edb_call *call, edb_place place,
                                          edb_node *node, edb_error *error);
/* Takes the instance into the dataset; `order` maps input order to nodes, NULL = the identity. */
EDB_MUST_CHECK edb_status edb_reader_commit(edb_reader *reader, const uint32_t *order,
                                            edb_error *error);
/* Whether reading goes on after this failure of an instance; it is then counted and logged. */
bool edb_reader_skips(edb_reader *reader, edb_status status, const edb_error *error);
/* Whether params.limit is reached. */
bool edb_reader_full(const edb_reader *reader);

/* Whether the attribute is a label that is to be dropped. */
bool edb_reader_drops(const edb_reader *reader, bool is_label);

/* The value of an index attribute from a word of its vocabulary, or from a number, which makes a
 * vocabulary without words as large as it needs. Errors:
 * EDB_ERROR_ARGUMENT (out of range), EDB_ERROR_NAME (no such word), EDB_ERROR_FORMAT (not UTF-8).
 */
EDB_MUST_CHECK edb_status edb_reader_word(edb_reader *reader, uint32_t cell, uint32_t attribute,
                                          const char *word, size_t length, edb_place place,
                                          int32_t *index, edb_error *error);
EDB_MUST_CHECK edb_status edb_reader_id(edb_reader *reader, uint32_t cell, uint32_t attribute,
                                        int64_t id, edb_place place, int32_t *index,
                                        edb_error *error);

#endif
