/* model/bind.c: graphs and policies of a model: what those layers offer for any schema, with the
 * schema of a model. */
#include <edbatch/policy.h>

#include "model/lower.h"
#include "policy/cost.h"

edb_status edb_graph_create(edb_context *ctx, const edb_model *model, edb_graph **out,
                            edb_error *error) {
  EDB_REQUIRE(error, ctx, model, out);
  return edb_graph_create_schema(ctx, &edb_model_program(model)->schema, out, error);
}

/* At operator granularity the types are those of the lowered model. */
static edb_status parse_lowered(edb_context *ctx, const edb_file *file, const char *path,
                                const edb_model *model, edb_policy **out, edb_error *error) {
  edb_lowering *lowering = NULL;
  EDB_TRY(edb_lowering_create(ctx, model, &lowering, error));
  const edb_schema *schema = &edb_lowering_program(lowering)->schema;
  edb_status status = edb_policy_parse(ctx, file->data, file->bytes, path, schema, out, error);
  edb_lowering_destroy(lowering);
  return status;
}

static edb_status parse_policy(edb_context *ctx, const edb_file *file, const char *path,
                               const edb_model *model, edb_policy **out, edb_error *error) {
  edb_fsm_granularity granularity;
  if (!model) return edb_policy_parse(ctx, file->data, file->bytes, path, NULL, out, error);
  EDB_TRY(edb_policy_peek_granularity(ctx, file->data, file->bytes, path, &granularity, error));
  if (granularity == EDB_FSM_OP) return parse_lowered(ctx, file, path, model, out, error);
  const edb_schema *schema = &edb_model_program(model)->schema;
  return edb_policy_parse(ctx, file->data, file->bytes, path, schema, out, error);
}

edb_status edb_policy_load(edb_context *ctx, const char *path, const edb_model *model,
                           edb_policy **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, path, out);
  edb_file file;
  EDB_TRY(edb_file_open(ctx, path, &file, error));
  edb_status status = parse_policy(ctx, &file, path, model, out, error);
  edb_file_close(&file);
  return status;
}

edb_status edb_costs_load(edb_context *ctx, const char *path, const edb_model *model,
                          edb_costs **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, path, out);
  edb_file file;
  edb_lowering *lowering = NULL;
  const edb_schema *schemas[EDB_FSM_GRANULARITY_COUNT] = {NULL};
  if (model) {
    EDB_TRY(edb_lowering_create(ctx, model, &lowering, error));
    schemas[EDB_FSM_CELL] = &edb_model_program(model)->schema;
    schemas[EDB_FSM_OP] = &edb_lowering_program(lowering)->schema;
  }
  edb_status status = edb_file_open(ctx, path, &file, error);
  if (status == EDB_OK) {
    status = edb_costs_parse(ctx, file.data, file.bytes, path, schemas, out, error);
    edb_file_close(&file);
  }
  edb_lowering_destroy(lowering);
  return status;
}
