/* data/jsonl.h: one line of JSON as it was read, before it becomes calls.
 *
 *     {"nodes": [{"cell": "leaf", "word": "good"}, {"cell": "node", "inputs": [0, 0], "label": 3}]}
 *
 * A line is first read as a whole, because nodes may name later nodes and keys come in any order;
 * then it is checked against the cells and called in an order in which inputs come first. All
 * positions are columns of the line. */
#ifndef EDB_DATA_JSONL_H
#define EDB_DATA_JSONL_H

#include "base/json.h"
#include "data/reader.h"

#define EDB_JSONL_NO_TEXT SIZE_MAX
#define EDB_JSONL_RANK    2 /* of a dense attribute, at most */

/* A node, or one output of it. */
typedef struct edb_jsonl_ref {
  int64_t node;
  size_t output; /* into `texts`, or EDB_JSONL_NO_TEXT: the whole node */
  uint32_t column;
} edb_jsonl_ref;

/* One element of "inputs": a reference, or an array of them. */
typedef struct edb_jsonl_arg {
  edb_bind_arg share;
  size_t name; /* of the input, where inputs are given by name, else EDB_JSONL_NO_TEXT */
  size_t first_ref;
  uint32_t n_refs;
  uint32_t column;
} edb_jsonl_arg;

typedef enum edb_jsonl_kind {
  EDB_JSONL_NULL,
  EDB_JSONL_INTEGER,
  EDB_JSONL_NUMBER,
  EDB_JSONL_STRING,
  EDB_JSONL_ARRAY, /* of numbers, nested to `rank` */
  EDB_JSONL_OTHER  /* true, false, an object: what no attribute is */
} edb_jsonl_kind;

typedef struct edb_jsonl_attribute {
  size_t key;
  edb_jsonl_kind kind;
  int64_t integer;
  size_t text, text_length; /* STRING */
  size_t first_number;      /* NUMBER, INTEGER, ARRAY: into `numbers` */
  uint32_t rank, dim[EDB_JSONL_RANK];
  uint32_t line, column, key_column; /* in the file; key_column in a JSON line only */
} edb_jsonl_attribute;

typedef struct edb_jsonl_node {
  uint32_t column, cell;
  bool by_name; /* inputs are an object */
  size_t first_arg, first_ref, first_attribute;
  uint32_t n_args, n_refs, n_attributes;
} edb_jsonl_node;

typedef struct edb_jsonl {
  edb_reader *reader;
  edb_context *ctx;
  uint32_t line;
  uint32_t max_attributes, max_inputs; /* of any cell: more keys than these cannot be right */
  edb_json json;
  EDB_VEC(char) texts; /* each with a 0 behind it */
  EDB_VEC(float) numbers;
  EDB_VEC(edb_jsonl_ref) refs;
  EDB_VEC(edb_jsonl_arg) args;
  EDB_VEC(edb_jsonl_attribute) attributes;
  EDB_VEC(edb_jsonl_node) nodes;
  /* Order of the calls, and the call that is being made. */
  EDB_VEC(uint32_t) order;    /* order[k]: the node that is called k-th */
  EDB_VEC(uint32_t) position; /* its inverse */
  EDB_VEC(uint8_t) colour;    /* of a node while they are ordered */
  EDB_VEC(uint32_t) stack, stack_next;
  EDB_VEC(edb_bind_arg) shares;
  EDB_VEC(edb_value) values;
  EDB_VEC(uint32_t) arities;
  EDB_VEC(int32_t) indices;
  EDB_VEC(const float *) dense;
} edb_jsonl;

static inline edb_place edb_jsonl_place(const edb_jsonl *l, uint32_t column) {
  return edb_reader_place(l->reader, l->line, column);
}
/* "" for none. */
static inline const char *edb_jsonl_text(const edb_jsonl *l, size_t text) {
  return text == EDB_JSONL_NO_TEXT ? "" : l->texts.data + text;
}

/* "inputs" of the node that is being read, at its first token (jsonl_inputs.c). */
EDB_MUST_CHECK edb_status edb_jsonl_read_inputs(edb_jsonl *l, edb_jsonl_node *node,
                                                edb_json_token *token, edb_error *error);
/* An attribute's value, at its first token (jsonl_attribute.c). */
EDB_MUST_CHECK edb_status edb_jsonl_read_attribute(edb_jsonl *l, edb_jsonl_attribute *attribute,
                                                   edb_json_token *token, edb_error *error);
/* The value of attribute `k` of a call of `cell` (jsonl_value.c): index -1 or dense NULL where it
 * is a label that is absent (given == NULL, or null) or not wanted. `node` is the place of the
 * call. Numbers stay in `numbers`. */
EDB_MUST_CHECK edb_status edb_jsonl_index(edb_jsonl *l, uint32_t cell, uint32_t k,
                                          const edb_jsonl_attribute *given, edb_place node,
                                          int32_t *out, edb_error *error);
EDB_MUST_CHECK edb_status edb_jsonl_dense(edb_jsonl *l, uint32_t cell, uint32_t k,
                                          const edb_jsonl_attribute *given, edb_place node,
                                          const float **out, edb_error *error);
/* Chooses `order`; *identity when it is the input's own (jsonl_order.c). Errors: references that
 * are out of range, cycles. */
EDB_MUST_CHECK edb_status edb_jsonl_sort(edb_jsonl *l, bool *identity, edb_error *error);
/* Calls node `i` (jsonl_call.c); those it refers to have been called. */
EDB_MUST_CHECK edb_status edb_jsonl_call(edb_jsonl *l, uint32_t i, edb_error *error);

/* The next key of an object, or its end. */
EDB_MUST_CHECK edb_status edb_jsonl_next_key(edb_jsonl *l, edb_json_token *token, edb_error *error);
/* A copy of a text for as long as the line lives. */
EDB_MUST_CHECK edb_status edb_jsonl_keep(edb_jsonl *l, const char *text, size_t length, size_t *out,
                                         edb_error *error);

#endif
