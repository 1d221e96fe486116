/* model/parser.h: what the files of the .edb parser share. */
#ifndef EDB_MODEL_PARSER_H
#define EDB_MODEL_PARSER_H

#include "model/model.h"

typedef struct edb_parser {
  edb_model *model;
  edb_lexer lexer;
  edb_error *error;
  edb_cell *cell;                   /* being read */
  uint32_t depth;                   /* of the expression being read */
  EDB_VEC(edb_expr) args;           /* a stack: operands of the calls being read */
  EDB_VEC(edb_token) output_tokens; /* names of the outputs, in the head of the cell */
  EDB_VEC(edb_dims) output_dims;
} edb_parser;

/* The expression at the lexer's token, into the cell. */
EDB_MUST_CHECK edb_status edb_parse_expression(edb_parser *p, edb_expr *out);
/* Forwards the failure of the cell. */
EDB_MUST_CHECK edb_status edb_parse_cell_status(edb_parser *p);

#endif
