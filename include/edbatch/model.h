/* edbatch/model.h: models, from a .edb file or built call by call; weights; vocabularies.
 *
 * Life of a model: it is loaded or built; constants and vocabularies may still change; then weights
 * are made for it, which seals it. A sealed model is immutable and may be shared by threads. */
#ifndef EDBATCH_MODEL_H
#define EDBATCH_MODEL_H

#include <edbatch/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct edb_model edb_model;

/* "hidden" = 512, as --set hidden=512 does. */
typedef struct edb_constant {
  const char *name;
  int64_t value;
} edb_constant;

typedef struct edb_model_params {
  size_t struct_bytes;
  const edb_constant *set; /* overrides of constants, in the file or built later */
  uint32_t n_set;
} edb_model_params;

/* Reads the model file (docs/model-file.md). Errors carry file, line and column: EDB_ERROR_IO,
 * EDB_ERROR_FORMAT, EDB_ERROR_NAME, EDB_ERROR_SHAPE (cell, operator, found and expected shapes),
 * EDB_ERROR_LIMIT, EDB_ERROR_MEMORY. */
EDB_API EDB_MUST_CHECK edb_status edb_model_load(edb_context *ctx, const char *path,
                                                 const edb_model_params *params, edb_model **out,
                                                 edb_error *error);
/* The same from a text in memory; `name` stands for the file in errors. */
EDB_API EDB_MUST_CHECK edb_status edb_model_parse(edb_context *ctx, const char *text, size_t bytes,
                                                  const char *name, const edb_model_params *params,
                                                  edb_model **out, edb_error *error);
EDB_API void edb_model_destroy(edb_model *model);

/* The model as the text of a model file: reading it gives the same model, printing that the same
 * text. *out is allocated from the context; free it with edb_string_destroy. */
EDB_API EDB_MUST_CHECK edb_status edb_model_print(const edb_model *model, char **out,
                                                  edb_error *error);
EDB_API void edb_string_destroy(edb_context *ctx, char *text);

EDB_API const char *edb_model_name(const edb_model *model);
EDB_API uint32_t edb_model_cell_count(const edb_model *model);
/* Number of the cell of this name, or UINT32_MAX. */
EDB_API uint32_t edb_model_cell(const edb_model *model, const char *name);
/* NULL: there is no such cell. */
EDB_API const char *edb_model_cell_name(const edb_model *model, uint32_t cell);
EDB_API uint32_t edb_model_output_count(const edb_model *model, uint32_t cell);
/* Number of a cell's output by name, or UINT32_MAX; its name; its number of elements. */
EDB_API uint32_t edb_model_output(const edb_model *model, uint32_t cell, const char *name);
EDB_API const char *edb_model_output_name(const edb_model *model, uint32_t cell, uint32_t output);
EDB_API size_t edb_model_output_size(const edb_model *model, uint32_t cell, uint32_t output);
/* Its shape: 0 a scalar, 1 a vector, 2 a matrix (row-major). */
EDB_API uint32_t edb_model_output_rank(const edb_model *model, uint32_t cell, uint32_t output);
EDB_API size_t edb_model_output_dim(const edb_model *model, uint32_t cell, uint32_t output,
                                    uint32_t axis);
EDB_API bool edb_model_constant(const edb_model *model, const char *name, int64_t *value);
/* FLOPs of one call as the model writes it: 2 M K per product, nothing else counted; products in
 * maps over variadic inputs, which count per element, are left out. */
EDB_API double edb_model_cell_flops(const edb_model *model, uint32_t cell);
/* Bytes in fp32 of the parameters that one batch of the cell must read for its products: each that
 * is a factor of a product, once. */
EDB_API double edb_model_cell_weight_bytes(const edb_model *model, uint32_t cell);

/* Before sealing. EDB_ERROR_STATE afterwards, EDB_ERROR_NAME, EDB_ERROR_SHAPE (the cells no longer
 * fit). */
EDB_API EDB_MUST_CHECK edb_status edb_model_set_constant(edb_model *model, const char *name,
                                                         int64_t value, edb_error *error);

/* Vocabularies: words with the ids 0 .. size - 1. One that is built from data has "<unk>" as id 0.
 * One may also have a size but no words (ids only). */
EDB_API uint32_t edb_model_vocab_count(const edb_model *model);
EDB_API uint32_t edb_model_vocab(const edb_model *model, const char *name); /* UINT32_MAX: none */
EDB_API const char *edb_model_vocab_name(const edb_model *model, uint32_t vocab);
EDB_API uint32_t edb_model_vocab_size(const edb_model *model, uint32_t vocab);
/* NULL: there is no such word. */
EDB_API const char *edb_model_vocab_word(const edb_model *model, uint32_t vocab, uint32_t id);
/* Id of a word; that of <unk> if it is not there; UINT32_MAX if there is no <unk> either. */
EDB_API uint32_t edb_model_vocab_find(const edb_model *model, uint32_t vocab, const char *word,
                                      size_t length);
/* Adds a word if it is new (before sealing), gives its id. A first add to an empty vocabulary adds
 * <unk> first. */
EDB_API EDB_MUST_CHECK edb_status edb_model_vocab_add(edb_model *model, uint32_t vocab,
                                                      const char *word, size_t length, uint32_t *id,
                                                      edb_error *error);
/* A vocabulary of `size` ids without words. */
EDB_API EDB_MUST_CHECK edb_status edb_model_vocab_resize(edb_model *model, uint32_t vocab,
                                                         uint32_t size, edb_error *error);
/* No change is possible after this; called by the creation of weights. Idempotent. */
EDB_API EDB_MUST_CHECK edb_status edb_model_seal(edb_model *model, edb_error *error);

/* ---- Building a model call by call: the same power as the file ------------------------------- */

EDB_API EDB_MUST_CHECK edb_status edb_model_create(edb_context *ctx, const char *name,
                                                   const edb_model_params *params, edb_model **out,
                                                   edb_error *error);
/* Dimensions are texts as in the file: "hidden", "2*hidden", "words", "5". */
EDB_API EDB_MUST_CHECK edb_status edb_model_add_constant(edb_model *model, const char *name,
                                                         const char *value, edb_error *error);
EDB_API EDB_MUST_CHECK edb_status edb_model_add_vocab(edb_model *model, const char *name,
                                                      edb_error *error);
/* `dims` e.g. "words, embed"; init NULL = the default ("glorot"; see docs/model-file.md). */
EDB_API EDB_MUST_CHECK edb_status edb_model_add_param(edb_model *model, const char *name,
                                                      const char *dims, const char *init,
                                                      edb_error *error);

typedef struct edb_cell edb_cell; /* a cell being built; belongs to the model */
typedef uint32_t edb_expr;        /* a value inside it; EDB_EXPR_NONE after an error */
#define EDB_EXPR_NONE UINT32_MAX

/* Builder errors, a NULL text among them, are sticky: after the first one every call on the cell
 * gives EDB_EXPR_NONE, and edb_cell_end reports it. So expressions nest without checks. */
EDB_API EDB_MUST_CHECK edb_status edb_cell_begin(edb_model *model, const char *name, edb_cell **out,
                                                 edb_error *error);
/* Dimensions "" mean a scalar. */
EDB_API edb_expr edb_cell_input(edb_cell *cell, const char *name, const char *dims);
EDB_API edb_expr edb_cell_variadic(edb_cell *cell, const char *name, const char *dims);
/* The bound is a vocabulary, a constant or a number. */
EDB_API edb_expr edb_cell_index(edb_cell *cell, const char *name, const char *bound);
EDB_API edb_expr edb_cell_dense(edb_cell *cell, const char *name, const char *dims);
EDB_API edb_expr edb_cell_param(edb_cell *cell, const char *name);
EDB_API edb_expr edb_cell_number(edb_cell *cell, double value);
/* A constant of the model as a number, which follows when the constant is overridden. No value of
 * the cell can have its name. */
EDB_API edb_expr edb_cell_constant(edb_cell *cell, const char *name);
/* An operator by its name in docs/model-file.md ("product", "add", "sigmoid", "concat", "lookup",
 * ...). */
EDB_API edb_expr edb_cell_op(edb_cell *cell, const char *op, const edb_expr *operands,
                             uint32_t n_operands);
/* Operators with integer immediates: "slice" (from, to), "reshape" (as dims text) ... */
EDB_API edb_expr edb_cell_op_with(edb_cell *cell, const char *op, const edb_expr *operands,
                                  uint32_t n_operands, const char *const *immediates,
                                  uint32_t n_immediates);
/* Gives a value the name it has in the file. */
EDB_API edb_expr edb_cell_name(edb_cell *cell, edb_expr value, const char *name);
EDB_API void edb_cell_output(edb_cell *cell, edb_expr value, const char *name);
/* Checks everything; on an error the cell is removed from the model. */
EDB_API EDB_MUST_CHECK edb_status edb_cell_end(edb_cell *cell, edb_error *error);

/* A line of the read section: reader "trees", text "inner(left, right) -> node(left, right)". */
EDB_API EDB_MUST_CHECK edb_status edb_model_add_read(edb_model *model, const char *reader,
                                                     const char *rule, edb_error *error);

/* ---- Weights ------------------------------------------------------------------------------- */

/* Values of all parameters, fp32 (and float64 where they were given as such, for the reference
 * device). Carries a version that rises with every change; sessions follow it. Not thread-safe
 * while it changes. */
typedef struct edb_weights edb_weights;

/* Seeded initial values (docs/model-file.md, init). Seals the model. */
EDB_API EDB_MUST_CHECK edb_status edb_weights_create(edb_context *ctx, edb_model *model,
                                                     uint64_t seed, edb_weights **out,
                                                     edb_error *error);
/* safetensors: names, dtypes (F32, F64, F16, BF16) and shapes are checked. Constants and
 * vocabularies in its metadata are set in the model first (EDB_ERROR_MISMATCH if the model is
 * sealed with others, or a constant was overridden with another value). Without vocabularies there,
 * a vocabulary that is still empty takes its size from the tensors. Seals the model. F32 values
 * are mapped, not copied: the file may be replaced by a rename while the weights live, but must not
 * be written into or cut (docs/weights.md). */
EDB_API EDB_MUST_CHECK edb_status edb_weights_load(edb_context *ctx, edb_model *model,
                                                   const char *path, edb_weights **out,
                                                   edb_error *error);
EDB_API EDB_MUST_CHECK edb_status edb_weights_save(const edb_weights *weights, const char *path,
                                                   edb_error *error);
EDB_API void edb_weights_destroy(edb_weights *weights);
/* Row-major values of one parameter; count must be its number of elements. EDB_ERROR_NAME,
 * EDB_ERROR_SHAPE. */
EDB_API EDB_MUST_CHECK edb_status edb_weights_set(edb_weights *weights, const char *param,
                                                  const float *values, size_t count,
                                                  edb_error *error);
EDB_API EDB_MUST_CHECK edb_status edb_weights_get(const edb_weights *weights, const char *param,
                                                  float *values, size_t count, edb_error *error);
/* What a safetensors file holds, without a model: a JSON text {"tensors": [{"name", "dtype",
 * "shape"}], "metadata": {...}}. Free it with edb_string_destroy. */
EDB_API EDB_MUST_CHECK edb_status edb_weights_describe(edb_context *ctx, const char *path,
                                                       char **out, edb_error *error);
EDB_API uint64_t edb_weights_version(const edb_weights *weights);

/* Parameters, for inspection. */
EDB_API uint32_t edb_model_param_count(const edb_model *model);
EDB_API const char *edb_model_param_name(const edb_model *model, uint32_t param);
EDB_API uint32_t edb_model_param_rank(const edb_model *model, uint32_t param);
EDB_API size_t edb_model_param_dim(const edb_model *model, uint32_t param, uint32_t axis);

#ifdef __cplusplus
}
#endif
#endif
