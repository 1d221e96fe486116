/* data/dataset.c: a dataset's life: opening a file in one of the forms, and giving instances to
 * graphs. */
#include "base/file.h"
#include "base/sized.h"
#include "data/reader.h"

#include <string.h>

/* ---- Limits ------------------------------------------------------------------------------- */

/* No index has been used yet: any bound will do. */
static edb_status init_limits(edb_reader *reader, edb_error *error) {
  edb_dataset *dataset = reader->dataset;
  const edb_schema *schema = reader->schema;
  for (uint32_t t = 0; t < schema->n_types; t++) {
    const edb_type_sig *sig = &schema->types[t];
    size_t n = (size_t)sig->n_indices + sig->n_dense, at = dataset->limits.length;
    if (!edb_vec_reserve(reader->ctx, &dataset->limits, at + n)) {
      return edb_fail_memory(error, n * sizeof(uint32_t), "the limits of a dataset");
    }
    if (!edb_vec_push(reader->ctx, &dataset->limit_start, at)) {
      return edb_fail_memory(error, sizeof at, "the limits of a dataset");
    }
    for (uint32_t i = 0; i < sig->n_indices; i++) dataset->limits.data[at++] = 0;
    for (uint32_t i = 0; i < sig->n_dense; i++) dataset->limits.data[at++] = sig->dense[i].length;
    dataset->limits.length = at;
  }
  return EDB_OK;
}

/* A model may change between reading and use: constants, vocabularies, cells that are added.
 * Records of the dataset's graph are copied as they are, so what they rely on must still hold. */
static bool fits_schema(const edb_dataset *dataset, const edb_schema *schema) {
  size_t at = 0;
  if (schema->n_types != dataset->limit_start.length) return false;
  for (uint32_t t = 0; t < schema->n_types; t++) {
    const edb_type_sig *sig = &schema->types[t];
    for (uint32_t i = 0; i < sig->n_indices; i++) {
      if (dataset->limits.data[at++] > sig->indices[i].bound) return false;
    }
    for (uint32_t i = 0; i < sig->n_dense; i++) {
      if (dataset->limits.data[at++] != sig->dense[i].length) return false;
    }
  }
  return true;
}

edb_status edb_dataset_check_fit(const edb_dataset *dataset, const edb_schema *schema,
                                 edb_error *error) {
  EDB_FAIL_IF(!fits_schema(dataset, schema), error, EDB_ERROR_MISMATCH,
              "the sizes or vocabularies of model \"%s\" have changed since the data were read",
              edb_model_name(dataset->model));
  return EDB_OK;
}

/* Both graphs follow the model's schema, so an instance passes from one to the other by block
 * copies. */
static edb_status reader_open(edb_reader *reader, edb_error *error) {
  EDB_TRY(init_limits(reader, error));
  EDB_TRY(edb_graph_create_schema(reader->ctx, reader->schema, &reader->scratch, error));
  return edb_graph_create_schema(reader->ctx, reader->schema, &reader->dataset->graph, error);
}

/* ---- Reading ------------------------------------------------------------------------------ */

/* All instances, of which there must be one: a data set of none is a mistake of the caller's in
 * every use, and better said here than as a division by zero later. */
static edb_status read_all(edb_reader *reader, edb_error *error) {
  EDB_TRY(edb_read_form(reader, error));
  if (edb_dataset_count(reader->dataset) > 0) return EDB_OK;
  if (reader->dataset->skipped == 0) {
    return edb_fail(error, EDB_ERROR_FORMAT, "%s: no instances", reader->name);
  }
  edb_error first = reader->first_bad;
  return edb_fail_at(error, EDB_ERROR_FORMAT, NULL, 0, 0,
                     "%s: no instances: all %u are bad, the first of them: %s", reader->name,
                     reader->dataset->skipped, first.text);
}

static edb_status check_params(const edb_data_params *params, edb_error *error) {
  EDB_FAIL_IF((unsigned)params->format >= EDB_DATA_FORMAT_COUNT, error, EDB_ERROR_ARGUMENT,
              "there is no data format %u", (unsigned)params->format);
  return EDB_OK;
}

/* A text that the caller holds, without a byte order mark. */
typedef struct edb_named_text {
  const char *name, *text, *end;
} edb_named_text;

static edb_named_text name_text(const char *name, const char *text, size_t bytes) {
  if (bytes == 0) text = "";
  bool marked = bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
  return (edb_named_text){name, text + (marked ? 3 : 0), text + bytes};
}

typedef edb_status (*edb_read_fn)(edb_reader *reader, edb_error *error);

/* `second` is the target side of pairs, or all NULL. */
static edb_status read_with(edb_read_fn read, edb_context *ctx, edb_model *model,
                            edb_named_text first, edb_named_text second,
                            const edb_data_params *params, edb_dataset **out, edb_error *error) {
  edb_error unread;
  if (error == NULL) error = &unread;
  EDB_TAKE_PARAMS(edb_data_params, own, params, error);
  EDB_TRY(check_params(&own, error));
  edb_dataset *dataset = edb_alloc_zero(ctx, sizeof *dataset);
  if (dataset == NULL) return edb_fail_memory(error, sizeof *dataset, "a dataset");
  dataset->ctx = ctx;
  dataset->model = model;
  edb_reader reader = {.ctx = ctx,
                       .model = model,
                       .program = edb_model_program(model),
                       .schema = &edb_model_program(model)->schema,
                       .name = first.name,
                       .text = first.text,
                       .end = first.end,
                       .second = {second.name, second.text, second.end},
                       .params = own,
                       .grows = !edb_model_is_sealed(model),
                       .dataset = dataset};
  edb_status status = reader_open(&reader, error);
  if (status == EDB_OK) status = read(&reader, error);
  /* A dense attribute as long as a vocabulary has changed its length when that grew. */
  if (status == EDB_OK) {
    status = edb_dataset_check_fit(dataset, &edb_model_program(model)->schema, error);
  }
  edb_graph_destroy(reader.scratch);
  if (status == EDB_OK)
    *out = dataset;
  else
    edb_dataset_destroy(dataset);
  return status;
}

static edb_status read_texts(edb_context *ctx, edb_model *model, edb_named_text first,
                             edb_named_text second, const edb_data_params *params,
                             edb_dataset **out, edb_error *error) {
  return read_with(read_all, ctx, model, first, second, params, out, error);
}

edb_status edb_dataset_parse(edb_context *ctx, edb_model *model, const char *text, size_t bytes,
                             const char *name, const edb_data_params *params, edb_dataset **out,
                             edb_error *error) {
  EDB_REQUIRE(error, ctx, model, out);
  EDB_FAIL_IF(text == NULL && bytes > 0, error, EDB_ERROR_ARGUMENT, "the text of data is NULL");
  return read_texts(ctx, model, name_text(name, text, bytes), (edb_named_text){.name = NULL},
                    params, out, error);
}

static edb_status load_one(edb_context *ctx, edb_model *model, const char *path,
                           const edb_data_params *params, edb_dataset **out, edb_error *error) {
  edb_file file;
  EDB_TRY(edb_file_open(ctx, path, &file, error));
  edb_status status =
      edb_dataset_parse(ctx, model, file.data, file.bytes, path, params, out, error);
  edb_file_close(&file);
  return status;
}

/* "source,target"; `paths` is a copy that is cut at `comma`. */
static edb_status load_two(edb_context *ctx, edb_model *model, char *paths, char *comma,
                           const edb_data_params *params, edb_dataset **out, edb_error *error) {
  edb_file source, target;
  *comma = 0;
  EDB_TRY(edb_file_open(ctx, paths, &source, error));
  edb_status status = edb_file_open(ctx, comma + 1, &target, error);
  if (status == EDB_OK) {
    edb_named_text first = name_text(paths, source.data, source.bytes);
    edb_named_text second = name_text(comma + 1, target.data, target.bytes);
    status = read_texts(ctx, model, first, second, params, out, error);
    edb_file_close(&target);
  }
  edb_file_close(&source);
  return status;
}

edb_status edb_dataset_load(edb_context *ctx, edb_model *model, const char *path,
                            const edb_data_params *params, edb_dataset **out, edb_error *error) {
  EDB_REQUIRE(error, ctx, model, path, out);
  EDB_TAKE_PARAMS(edb_data_params, own, params, error);
  const char *comma = strchr(path, ',');
  if (comma == NULL || !edb_reads_pairs(model, &own)) {
    return load_one(ctx, model, path, &own, out, error);
  }
  size_t length = strlen(path);
  char *paths = edb_strdup(ctx, path, length);
  if (paths == NULL) return edb_fail_memory(error, length + 1, "the paths of a pair");
  edb_status status = load_two(ctx, model, paths, paths + (comma - path), &own, out, error);
  edb_free(ctx, paths, length + 1);
  return status;
}

/* The rules of a form are checked when a file of it is opened: an empty one will do. */
edb_status edb_data_check_model(const edb_model *model, edb_error *error) {
  EDB_REQUIRE(error, model);
  EDB_TRY(edb_check_sections(model, error));
  edb_named_text empty = name_text(edb_model_name(model), "", 0);
  for (int f = EDB_DATA_AUTO + 1; f < EDB_DATA_FORMAT_COUNT; f++) {
    edb_data_params params = EDB_PARAMS(edb_data_params);
    edb_dataset *dataset = NULL;
    params.format = (edb_data_format)f;
    if (!edb_has_section(model, params.format)) continue;
    /* Where there is no data nothing grows, so the model stays as it is. */
    EDB_TRY(read_with(edb_read_form, edb_model_context(model), (edb_model *)(uintptr_t)model, empty,
                      (edb_named_text){.name = NULL}, &params, &dataset, error));
    edb_dataset_destroy(dataset);
  }
  return EDB_OK;
}

void edb_dataset_destroy(edb_dataset *dataset) {
  if (dataset == NULL) return;
  edb_context *ctx = dataset->ctx;
  edb_graph_destroy(dataset->graph);
  edb_vec_free(ctx, &dataset->order_start);
  edb_vec_free(ctx, &dataset->order);
  edb_vec_free(ctx, &dataset->limits);
  edb_vec_free(ctx, &dataset->limit_start);
  edb_free(ctx, dataset, sizeof *dataset);
}

/* ---- Use ---------------------------------------------------------------------------------- */

uint32_t edb_dataset_count(const edb_dataset *dataset) {
  return edb_graph_instance_count(dataset->graph);
}

uint32_t edb_dataset_skipped(const edb_dataset *dataset) {
  return dataset->skipped;
}

uint32_t edb_dataset_node_count(const edb_dataset *dataset, uint32_t instance) {
  if (instance >= edb_dataset_count(dataset)) return 0;
  return edb_graph_instance_begin(dataset->graph, instance + 1) -
         edb_graph_instance_begin(dataset->graph, instance);
}

uint32_t edb_dataset_node(const edb_dataset *dataset, uint32_t instance, uint32_t i) {
  if (i >= edb_dataset_node_count(dataset, instance)) return UINT32_MAX;
  size_t start = dataset->order_start.data[instance];
  return start == EDB_ORDER_IDENTITY ? i : dataset->order.data[start + i];
}

/* The graph may have been made long after the data were read: its schema is compared, not trusted.
 */
edb_status edb_dataset_append(const edb_dataset *dataset, uint32_t instance, edb_graph *graph,
                              edb_error *error) {
  EDB_REQUIRE(error, dataset, graph);
  EDB_FAIL_IF(instance >= edb_dataset_count(dataset), error, EDB_ERROR_ARGUMENT,
              "there is no instance %u in a dataset of %u", instance, edb_dataset_count(dataset));
  const edb_schema *schema = &edb_model_program(dataset->model)->schema;
  EDB_FAIL_IF(graph->schema != schema, error, EDB_ERROR_MISMATCH,
              "the graph is not over model \"%s\", for which the data were read",
              edb_model_name(dataset->model));
  EDB_TRY(edb_dataset_check_fit(dataset, schema, error));
  return edb_graph_append_instance(graph, dataset->graph, instance, error);
}
