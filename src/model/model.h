/* model/model.h: the inside of edb_model and of a cell.
 *
 * What is written is kept apart from what follows from it. Dimensions stay expressions (edb_dims);
 * the structure of a cell (operators, operands, groups, labels, policy key) never changes once the
 * cell is ended; only sizes do, and these are worked out again in place, without an allocation,
 * when a constant or a vocabulary has changed (edb_model_refresh). So pointers into the program
 * stay good.
 *
 * Names, signatures and cells live in one arena until the model is destroyed; arrays that grow are
 * vectors. */
#ifndef EDB_MODEL_MODEL_H
#define EDB_MODEL_MODEL_H

#include "base/file.h"
#include "base/map.h"
#include "base/vec.h"
#include "model/dims.h"
#include "model/init.h"
#include "model/ir.h"

typedef struct edb_constant_decl {
  const char *name;
  edb_dim expression; /* of earlier constants; an integer once overridden */
  int64_t value;
  bool given; /* by the caller, at creation or later, so that no weights file may say otherwise */
} edb_constant_decl;

typedef struct edb_vocab {
  const char *name;
  edb_map words; /* word -> id; ids in insertion order; empty if it has a size only */
  uint32_t size;
} edb_vocab;

typedef struct edb_param_decl {
  edb_dims dims;
  edb_init init;
} edb_param_decl;

typedef struct edb_override {
  const char *name;
  int64_t value;
  bool used;
} edb_override;

/* Immediates of one operator that are dimensions. */
typedef struct edb_op_dims {
  uint32_t op;
  uint32_t count;
  edb_dim dim[2];
} edb_op_dims;

/* The sizes of a cell as they are written, and the parts of its signature that follow from them. */
typedef struct edb_cell_source {
  uint32_t line, column;
  edb_dims *inputs, *dense; /* as sig.inputs, sig.dense */
  edb_dims *outputs;        /* EDB_DIMS_UNDECLARED: not written */
  edb_dim *bounds;          /* as sig.indices */
  uint32_t *constants;      /* as numbers: the constant that one follows, or UINT32_MAX */
  edb_op_dims *op_dims;     /* by op, ascending */
  uint32_t n_op_dims;
  edb_input_sig *input_sigs; /* the arrays of the signature, to be written to */
  edb_output_sig *output_sigs;
  edb_index_sig *index_sigs;
  edb_dense_sig *dense_sigs;
} edb_cell_source;

/* Bound of an index attribute that follows the size of a vocabulary. */
typedef struct edb_vocab_bound {
  edb_index_sig *sig;
  edb_dim dim;
} edb_vocab_bound;

/* Interned shapes: a hash table over `shapes`, which never grows while sizes are worked out. */
typedef struct edb_shape_table {
  edb_context *ctx;
  EDB_VEC(edb_shape) shapes;
  uint32_t *slots; /* shape id + 1, or 0 */
  size_t slot_count;
  uint64_t seed; /* of its hashes */
} edb_shape_table;

void edb_shape_table_init(edb_shape_table *table, edb_context *ctx);
void edb_shape_table_free(edb_shape_table *table);
/* Room for `wanted` shapes in all; false = no memory (unchanged). */
bool edb_shape_table_reserve(edb_shape_table *table, size_t wanted);
/* Empties it; the scalar is shape 0 again. Room must be there. */
void edb_shape_table_clear(edb_shape_table *table);

typedef enum edb_name_kind { EDB_NAME_CONSTANT, EDB_NAME_VOCAB, EDB_NAME_PARAM } edb_name_kind;
/* A value of edb_model.names: the kind in the low two bits, the number above. */
#define EDB_NAME_VALUE(kind, number) ((uint32_t)(number) << 2 | (uint32_t)(kind))
#define EDB_NAME_KIND(value)         ((edb_name_kind)((value)&3))
#define EDB_NAME_NUMBER(value)       ((value) >> 2)
#define EDB_DECLARATIONS_MAX         (1u << 24) /* of each kind; also cells, and operators of a cell */

struct edb_model {
  edb_context *ctx;
  edb_arena arena;
  const char *name;
  const char *file; /* for errors, or NULL */
  bool sealed;
  bool dirty;         /* sizes must be worked out again */
  edb_map names;      /* constants, vocabularies and parameters: EDB_NAME_VALUE */
  edb_map cell_names; /* -> cell */
  edb_map locals;     /* every name of a value inside some cell: no parameter may take it later */
  EDB_VEC(edb_constant_decl) constants;
  EDB_VEC(edb_vocab) vocabs;
  EDB_VEC(edb_param_decl) param_decls;
  EDB_VEC(edb_ir_param) params;
  EDB_VEC(edb_cell_source) sources; /* as cells */
  EDB_VEC(edb_ir_cell) cells;
  EDB_VEC(edb_type_sig) types; /* cells[i].sig */
  EDB_VEC(edb_vocab_bound) vocab_bounds;
  EDB_VEC(edb_read_rule) rules;
  EDB_VEC(edb_override) overrides;
  uint64_t param_elements;
  edb_shape_table shapes;
  size_t shape_uses; /* most shapes that the signatures can have */
  edb_cell *open;    /* cells begun and not ended */
  edb_program program;
};

/* Works out all sizes anew. On an error (EDB_ERROR_SHAPE, EDB_ERROR_LIMIT) the model stays dirty.
 */
EDB_MUST_CHECK edb_status edb_model_refresh(edb_model *model, edb_error *error);
/* The same for one cell, whose arrays are `cell` and `source`. */
EDB_MUST_CHECK edb_status edb_cell_refresh(const edb_model *model, edb_ir_cell *cell,
                                           const edb_cell_source *source, edb_error *error);
/* Its parts, for one piece at a time. */
EDB_MUST_CHECK edb_status edb_bound_value(const edb_model *model, const edb_dim *bound,
                                          uint32_t *out, edb_error *error);
EDB_MUST_CHECK edb_status edb_op_set_dims(const edb_model *model, edb_ir_op *op,
                                          const edb_op_dims *dims, edb_error *error);
EDB_MUST_CHECK edb_status edb_output_check(const edb_model *model, const edb_ir_cell *cell,
                                           edb_ir_output *output, const edb_dims *declared,
                                           edb_error *error);
void edb_cell_intern(edb_model *model, const edb_ir_cell *cell, const edb_cell_source *source);
/* Counts the elements of one more parameter, which are bounded in all. */
EDB_MUST_CHECK edb_status edb_param_count(edb_model *model, edb_shape shape, edb_error *error);
/* Lets model->program point at the arrays as they are now. */
void edb_model_publish(edb_model *model);
EDB_MUST_CHECK edb_status edb_model_check_open(const edb_model *model, edb_error *error);
/* All overrides must have met their constant. */
EDB_MUST_CHECK edb_status edb_model_check_overrides(const edb_model *model, edb_error *error);
edb_status edb_fail_unknown_constant(const edb_model *model, const char *name, edb_error *error);

/* How a parameter gets its first values; kind DEFAULT when the file does not say. */
edb_init edb_model_param_init(const edb_model *model, uint32_t param);

/* ---- Declarations, from texts with a position or from calls ---------------------------------- */

/* A name and where it stands; line 0: given by a call. */
typedef struct edb_named {
  const char *text;
  size_t length;
  uint32_t line, column;
} edb_named;

EDB_MUST_CHECK edb_status edb_declare_constant(edb_model *model, edb_named name,
                                               const edb_dim *value, edb_error *error);
EDB_MUST_CHECK edb_status edb_declare_vocab(edb_model *model, edb_named name, edb_error *error);
EDB_MUST_CHECK edb_status edb_declare_param(edb_model *model, edb_named name, const edb_dims *dims,
                                            edb_init init, edb_error *error);
/* At the value of a constant: as a dimension, of constants only, or a whole number with a sign. */
EDB_MUST_CHECK edb_status edb_const_parse(edb_model *model, edb_lexer *lexer, edb_dim *out,
                                          edb_error *error);
/* At an initialiser: "zeros", "uniform(0.1)". */
EDB_MUST_CHECK edb_status edb_init_parse(edb_lexer *lexer, edb_init *out, edb_error *error);
/* At a rule, "pattern(bound) -> cell(arguments)"; leaves the lexer after it. */
EDB_MUST_CHECK edb_status edb_read_rule_parse(edb_model *model, edb_named reader, edb_lexer *lexer,
                                              edb_error *error);

/* ---- Shapes ---------------------------------------------------------------------------------- */

/* Checks operands and immediates of one operator of a cell and works out its shape. The operator's
 * own fields but `shape` must be set. Errors name cell, operator, found and expected shapes. */
EDB_MUST_CHECK edb_status edb_op_infer(const edb_model *model, const edb_ir_cell *cell,
                                       edb_ir_op *op, edb_error *error);
#define EDB_REF_TEXT_BYTES (EDB_NAME_MAX + 32)
/* How an operator stands in a file: "@", "+", "sigmoid". */
const char *edb_op_symbol(edb_op_kind kind);

/* ---- Cells being built (builder.c) ----------------------------------------------------------- */

struct edb_cell {
  edb_model *model;
  edb_cell *next, **link; /* in model->open */
  const char *name;
  edb_error failure;       /* the first; EDB_OK: none */
  uint32_t line, column;   /* of what is being added, 0 if built */
  edb_map names;           /* of values -> edb_expr */
  edb_map output_names;    /* a set */
  EDB_VEC(edb_ref) values; /* by edb_expr */
  EDB_VEC(edb_input_sig) inputs;
  EDB_VEC(edb_shape) input_shapes;
  EDB_VEC(edb_dims) input_dims;
  EDB_VEC(edb_index_sig) indices;
  EDB_VEC(edb_dim) bounds;
  EDB_VEC(edb_dense_sig) dense;
  EDB_VEC(edb_shape) dense_shapes;
  EDB_VEC(edb_dims) dense_dims;
  EDB_VEC(edb_ir_op) ops;
  EDB_VEC(edb_op_dims) op_dims;
  EDB_VEC(edb_ref) operands;
  EDB_VEC(double) numbers;
  EDB_VEC(uint32_t) constants; /* as numbers */
  EDB_VEC(edb_ir_output) outputs;
  EDB_VEC(edb_dims) output_dims;
  EDB_VEC(uint32_t) group_numbers; /* scratch of mark_labels (schema.c) */
  edb_cell_source source;
  edb_ir_cell ir; /* a view of the vectors above */
};

EDB_MUST_CHECK edb_status edb_cell_open(edb_model *model, edb_named name, edb_cell **out,
                                        edb_error *error);
/* The cell as it is so far. */
const edb_ir_cell *edb_cell_view(edb_cell *cell);
/* Forgets the cell. */
void edb_cell_discard(edb_cell *cell);
/* The position of what is added next. */
void edb_cell_at(edb_cell *cell, uint32_t line, uint32_t column);
/* What the calls of edbatch/model.h do, from parts that are parsed already. */
typedef enum edb_input_kind { EDB_INPUT_PLAIN, EDB_INPUT_VARIADIC, EDB_INPUT_DENSE } edb_input_kind;
edb_expr edb_cell_add_input(edb_cell *cell, edb_input_kind kind, const char *name, size_t length,
                            const edb_dims *dims);
edb_expr edb_cell_add_index(edb_cell *cell, const char *name, size_t length, const edb_dim *bound);
edb_expr edb_cell_add_op(edb_cell *cell, edb_op_kind kind, const edb_expr *operands,
                         uint32_t n_operands, const edb_dim *dims, uint32_t n_dims, double rate);
void edb_cell_add_output(edb_cell *cell, edb_expr value, const char *name, size_t length,
                         const edb_dims *dims);
edb_expr edb_cell_add_name(edb_cell *cell, edb_expr value, const char *name, size_t length);
/* Room for one more number; false = no memory. */
bool edb_cell_reserve_number(edb_cell *cell);
/* A number that follows a constant (UINT32_MAX: none); room must be there. Gives its place. */
uint32_t edb_cell_add_number(edb_cell *cell, double value, uint32_t constant);
/* A value by its name, a parameter, a constant; EDB_EXPR_NONE and an error if there is none. */
edb_expr edb_cell_find(edb_cell *cell, const char *name, size_t length);
/* The operator that a call `name(...)` with these operands means; EDB_OP_COUNT and an error if
 * none. */
edb_op_kind edb_cell_op_kind(edb_cell *cell, const char *name, size_t length,
                             const edb_expr *operands, uint32_t n_operands);
/* A value that refers to something; EDB_EXPR_NONE and an error if there are too many. */
edb_expr edb_cell_value(edb_cell *cell, edb_ref_kind kind, size_t index);
/* Inputs that are mapped together are in one group, known by the first of them: that of a variadic
 * input, and that of any value (UINT32_MAX: it is not variadic). */
uint32_t edb_cell_group(edb_cell *cell, uint32_t input);
uint32_t edb_ref_group(edb_cell *cell, edb_ref ref);

static inline bool edb_cell_failed(const edb_cell *cell) {
  return cell->failure.status != EDB_OK;
}
edb_expr edb_cell_fail_memory(edb_cell *cell, size_t bytes); /* EDB_EXPR_NONE */
/* Whether the caller gave a text or a list; the cell has failed if not. */
bool edb_cell_given(edb_cell *cell, const void *pointer, const char *what);
void edb_cell_fail(edb_cell *cell, edb_status status, const char *format, ...) EDB_PRINTF(3, 4);

/* What edb_cell_end does before it keeps the cell: names for unnamed operators that a line cannot
 * hold, literals in the order of their use (canonical.c). */
EDB_MUST_CHECK edb_status edb_cell_canonicalise(edb_cell *cell, edb_error *error);

#endif
