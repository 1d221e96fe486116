/* model/weights.c: the values of a model's parameters: made, set and read. */
#include "model/weights.h"

#include <string.h>

#include "model/model.h"

#define PARAM_ALIGN 16 /* elements: a cache line, a zmm register */

/* Where each parameter begins. */
static bool lay_out(const edb_program *program, size_t *offset) {
  offset[0] = 0;
  for (uint32_t p = 0; p < program->n_params; p++) {
    size_t size = edb_shape_size(program->params[p].shape), end;
    if (!edb_add_size(size, PARAM_ALIGN - 1, &size)) return false;
    if (!edb_add_size(offset[p], size / PARAM_ALIGN * PARAM_ALIGN, &end)) return false;
    offset[p + 1] = end;
  }
  return true;
}

static edb_status take_values(edb_weights *w, bool f64, edb_error *error) {
  size_t count = w->offset[w->n_params], bytes;
  EDB_FAIL_IF(!edb_mul_size(count, sizeof *w->values_f64, &bytes), error, EDB_ERROR_LIMIT,
              "the parameters are larger than memory");
  if (count == 0) return EDB_OK;
  w->values = edb_alloc_zero(w->ctx, count * sizeof *w->values);
  if (!w->values) return edb_fail_memory(error, count * sizeof *w->values, "the parameters");
  for (uint32_t p = 0; p < w->n_params; p++) w->params[p] = w->values + w->offset[p];
  if (!f64) return EDB_OK;
  w->values_f64 = edb_alloc_zero(w->ctx, bytes);
  return w->values_f64 ? EDB_OK : edb_fail_memory(error, bytes, "the parameters in float64");
}

static edb_status take_all(edb_weights *w, const edb_program *program, edb_weights_storage storage,
                           edb_error *error) {
  size_t offset_bytes = ((size_t)w->n_params + 1) * sizeof *w->offset;
  size_t params_bytes = ((size_t)w->n_params + 1) * sizeof *w->params;
  w->offset = edb_alloc(w->ctx, offset_bytes);
  w->params = edb_alloc_zero(w->ctx, params_bytes);
  if (!w->offset || !w->params) return edb_fail_memory(error, offset_bytes, "weights");
  EDB_FAIL_IF(!lay_out(program, w->offset), error, EDB_ERROR_LIMIT,
              "the parameters are larger than memory");
  return storage == EDB_WEIGHTS_MAPPED ? EDB_OK : take_values(w, storage == EDB_WEIGHTS_F64, error);
}

edb_status edb_weights_make(edb_context *ctx, const edb_model *model, edb_weights_storage storage,
                            edb_weights **out, edb_error *error) {
  const edb_program *program = edb_model_program(model);
  edb_weights *w = edb_alloc_zero(ctx, sizeof *w);
  if (!w) return edb_fail_memory(error, sizeof *w, "weights");
  *w = (edb_weights){.ctx = ctx,
                     .model = model,
                     .version = 1,
                     .n_params = program->n_params,
                     .mapped = {.ctx = ctx}};
  edb_status status = take_all(w, program, storage, error);
  if (status != EDB_OK) {
    edb_weights_destroy(w);
    return status;
  }
  *out = w;
  return EDB_OK;
}

edb_status edb_weights_create(edb_context *ctx, edb_model *model, uint64_t seed, edb_weights **out,
                              edb_error *error) {
  EDB_REQUIRE(error, ctx, model, out);
  EDB_TRY(edb_model_seal(model, error));
  const edb_program *program = edb_model_program(model);
  size_t bytes = ((size_t)program->n_params + 1) * sizeof(edb_param_role);
  edb_param_role *role = edb_alloc(ctx, bytes);
  if (!role) return edb_fail_memory(error, bytes, "roles of parameters");
  edb_weights *w = NULL;
  edb_status status = edb_weights_make(ctx, model, EDB_WEIGHTS_F32, &w, error);
  if (status == EDB_OK) {
    edb_param_roles(program, role);
    for (uint32_t p = 0; p < program->n_params; p++) {
      edb_init_fill(edb_model_param_init(model, p), role[p], program->params[p].name,
                    program->params[p].shape, seed, w->params[p]);
    }
    *out = w;
  }
  edb_free(ctx, role, bytes);
  return status;
}

void edb_weights_destroy(edb_weights *weights) {
  if (!weights) return;
  edb_weights *w = weights;
  size_t count = w->offset ? w->offset[w->n_params] : 0;
  edb_free(w->ctx, w->values_f64, w->values_f64 ? count * sizeof *w->values_f64 : 0);
  edb_free(w->ctx, w->values, w->values ? count * sizeof *w->values : 0);
  edb_free(w->ctx, w->offset, w->offset ? ((size_t)w->n_params + 1) * sizeof *w->offset : 0);
  edb_free(w->ctx, w->params, w->params ? ((size_t)w->n_params + 1) * sizeof *w->params : 0);
  edb_file_close(&w->mapped);
  edb_free(w->ctx, w, sizeof *w);
}

static edb_status fail_unknown_param(const edb_model *model, const char *name, edb_error *error) {
  edb_suggestion suggestion;
  char buffer[EDB_SUGGEST_TEXT_BYTES];
  edb_suggest_begin(&suggestion, name, strlen(name));
  for (size_t i = 0; i < model->params.length; i++)
    edb_suggest(&suggestion, model->params.data[i].name);
  return edb_fail(error, EDB_ERROR_NAME, "model \"%s\" has no parameter \"%.128s\"%s", model->name,
                  name, edb_suggest_text(&suggestion, buffer, sizeof buffer));
}

/* Number of a parameter that has this many elements. */
static edb_status find_param(const edb_weights *w, const char *name, size_t count, uint32_t *out,
                             edb_error *error) {
  uint32_t value = edb_map_get(&w->model->names, name, strlen(name));
  if (value == EDB_MAP_NONE || EDB_NAME_KIND(value) != EDB_NAME_PARAM)
    return fail_unknown_param(w->model, name, error);
  uint32_t param = EDB_NAME_NUMBER(value);
  edb_shape shape = edb_model_program(w->model)->params[param].shape;
  char text[EDB_SHAPE_TEXT_BYTES];
  EDB_FAIL_IF(count != edb_shape_size(shape), error, EDB_ERROR_SHAPE,
              "parameter \"%s\": %zu value%s, expected %zu for %s", name, count, EDB_S(count),
              edb_shape_size(shape), edb_shape_text(shape, text, sizeof text));
  *out = param;
  return EDB_OK;
}

edb_status edb_weights_set(edb_weights *weights, const char *param, const float *values,
                           size_t count, edb_error *error) {
  EDB_REQUIRE(error, weights, param, values);
  uint32_t p = 0;
  EDB_TRY(find_param(weights, param, count, &p, error));
  if (!weights->writable) EDB_TRY(edb_file_make_writable(&weights->mapped, error));
  weights->writable = true;
  memcpy(weights->params[p], values, count * sizeof *values);
  if (weights->values_f64) {
    double *exact = weights->values_f64 + weights->offset[p];
    for (size_t i = 0; i < count; i++) exact[i] = values[i];
  }
  weights->version++;
  return EDB_OK;
}

edb_status edb_weights_get(const edb_weights *weights, const char *param, float *values,
                           size_t count, edb_error *error) {
  EDB_REQUIRE(error, weights, param, values);
  uint32_t p = 0;
  EDB_TRY(find_param(weights, param, count, &p, error));
  memcpy(values, edb_weights_param(weights, p), count * sizeof *values);
  return EDB_OK;
}

uint64_t edb_weights_version(const edb_weights *weights) {
  return weights->version;
}
