/* edbatch/data.h: instances from files, and generators.
 *
 * A dataset holds instances as calls of a model's cells. Readers map structures to calls by the model
 * file's `read` section (docs/data.md). Reading for a model that is not sealed yet grows its
 * vocabularies; for a sealed one unknown words become <unk>. */
#ifndef EDBATCH_DATA_H
#define EDBATCH_DATA_H

#include <edbatch/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct edb_dataset edb_dataset;

typedef enum edb_data_format {
  EDB_DATA_AUTO,      /* by the first byte that is not white space: '{' JSON lines, '(' trees */
  EDB_DATA_JSONL,
  EDB_DATA_TREES
} edb_data_format;

typedef struct edb_data_params {
  size_t struct_bytes;
  edb_data_format format;
  uint32_t limit;         /* at most so many instances; 0: all */
  bool skip_bad;          /* count bad instances and go on, instead of failing at the first */
  bool no_labels;         /* drop labels: inference */
} edb_data_params;

/* Errors carry file, line, column, found and expected. */
EDB_API EDB_MUST_CHECK edb_status edb_dataset_load(edb_context *ctx, edb_model *model,
                                                   const char *path, const edb_data_params *params,
                                                   edb_dataset **out, edb_error *error);
EDB_API EDB_MUST_CHECK edb_status edb_dataset_parse(edb_context *ctx, edb_model *model,
                                                    const char *text, size_t bytes, const char *name,
                                                    const edb_data_params *params, edb_dataset **out,
                                                    edb_error *error);
EDB_API void edb_dataset_destroy(edb_dataset *dataset);
EDB_API uint32_t edb_dataset_count(const edb_dataset *dataset);
EDB_API uint32_t edb_dataset_skipped(const edb_dataset *dataset);
/* Node i of the instance in input order is node edb_dataset_node(...) of it in the graph's order (they
 * differ only where the input names nodes before they are defined). */
EDB_API uint32_t edb_dataset_node_count(const edb_dataset *dataset, uint32_t instance);
EDB_API uint32_t edb_dataset_node(const edb_dataset *dataset, uint32_t instance, uint32_t i);
/* Appends one instance to a graph over the same model, as a new instance of it. */
EDB_API EDB_MUST_CHECK edb_status edb_dataset_append(const edb_dataset *dataset, uint32_t instance,
                                                     edb_graph *graph, edb_error *error);

/* Synthetic data with the size statistics of the real: "trees" (binary, Stanford Sentiment). Writes the
 * file form that edb_dataset_load reads. Seeded. */
EDB_API EDB_MUST_CHECK edb_status edb_generate(edb_context *ctx, const char *form, uint32_t count,
                                               uint64_t seed, const char *path, edb_error *error);

#ifdef __cplusplus
}
#endif
#endif
