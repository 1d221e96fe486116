/* model/dims.h: dimension expressions ("2*hidden", "words", "5"): kept as written, so that
 * constants and vocabularies may still change, and evaluated when sizes are wanted. */
#ifndef EDB_MODEL_DIMS_H
#define EDB_MODEL_DIMS_H

#include "model/lexer.h"

/* Sizes are at most this; so an index fits an int32_t. */
#define EDB_DIM_MAX INT32_MAX
/* Elements of a value, and of a parameter. */
#define EDB_VALUE_ELEMENTS_MAX ((uint64_t)INT32_MAX)
#define EDB_PARAM_ELEMENTS_MAX (UINT64_C(1) << 40)

typedef enum edb_dim_kind {
  EDB_DIM_INTEGER,  /* value */
  EDB_DIM_CONSTANT, /* value = number of the constant */
  EDB_DIM_VOCAB,    /* value = number of the vocabulary */
  EDB_DIM_ADD,
  EDB_DIM_SUB,
  EDB_DIM_MUL
} edb_dim_kind;

typedef struct edb_dim_code {
  edb_dim_kind kind;
  int64_t value;
} edb_dim_code;

/* One dimension, in postfix order. All of it lives in the model's arena. */
typedef struct edb_dim {
  const edb_dim_code *code;
  uint32_t length;
  const char *text;      /* as written, without spaces: the canonical form */
  uint32_t line, column; /* 0 if built */
} edb_dim;

#define EDB_DIMS_UNDECLARED UINT32_MAX

/* The dimensions of a shape; rank EDB_DIMS_UNDECLARED: not written. */
typedef struct edb_dims {
  uint32_t rank;
  edb_dim dim[3];
} edb_dims;

/* Parses one expression at the lexer's token. Names must be constants, or vocabularies unless
 * `constants_only`. Errors: EDB_ERROR_FORMAT, EDB_ERROR_NAME, EDB_ERROR_LIMIT (nesting, length). */
EDB_MUST_CHECK edb_status edb_dim_parse(edb_model *model, edb_lexer *lexer, bool constants_only,
                                        edb_dim *out, edb_error *error);
/* Parses up to three, separated by commas, until `close` (']' or 0 for the end); an empty list is a
 * scalar. Consumes `close`. */
EDB_MUST_CHECK edb_status edb_dims_parse(edb_model *model, edb_lexer *lexer, char close,
                                         edb_dims *out, edb_error *error);
/* An integer that is not from a text. */
EDB_MUST_CHECK edb_status edb_dim_integer(edb_model *model, int64_t value, edb_dim *out,
                                          edb_error *error);

/* The value; EDB_ERROR_LIMIT when it leaves int64. An empty vocabulary counts as `empty_size`. */
EDB_MUST_CHECK edb_status edb_dim_value(const edb_model *model, const edb_dim *dim,
                                        uint32_t empty_size, int64_t *out, edb_error *error);
/* The same within low .. high; `what` for the error ("a dimension"). An empty vocabulary counts
 * as 1. */
EDB_MUST_CHECK edb_status edb_dim_range(const edb_model *model, const edb_dim *dim, int64_t low,
                                        int64_t high, const char *what, uint32_t *out,
                                        edb_error *error);
/* The shape, of at most `max_elements` elements. */
EDB_MUST_CHECK edb_status edb_dims_shape(const edb_model *model, const edb_dims *dims,
                                         uint64_t max_elements, edb_shape *out, edb_error *error);
/* The vocabulary that the expression is, or UINT32_MAX. */
uint32_t edb_dim_vocab(const edb_dim *dim);

#endif
