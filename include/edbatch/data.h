/* edbatch/data.h: instances from files, and generators.
 *
 * A dataset holds instances as calls of a model's cells. Readers map structures to calls by the
 * model file's `read` section (docs/data.md). Reading for a model that is not sealed yet grows its
 * vocabularies; for a sealed one unknown words become <unk>. */
#ifndef EDBATCH_DATA_H
#define EDBATCH_DATA_H

#include <edbatch/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct edb_dataset edb_dataset;

/* Forms of data files (docs/data.md). All but JSON lines need a `read` section of the same name in
 * the model. */
typedef enum edb_data_format {
  EDB_DATA_AUTO, /* '{' as the first byte that is not white space: JSON lines, or plans if the model
                    reads these; '(': trees; else what the model has its read section for */
  EDB_DATA_JSONL,    /* calls as they are */
  EDB_DATA_TREES,    /* brackets: (3 (2 a) (4 (2 fine) (2 film))) */
  EDB_DATA_GRIDS,    /* a label, a tab, words: a row of leaves under a triangle of nodes */
  EDB_DATA_TAGS,     /* tokens with tags: Lotto|I-MISC is|O */
  EDB_DATA_TEXT,     /* words */
  EDB_DATA_PAIRS,    /* source, a tab, target; or the path "source.txt,target.txt", line by line */
  EDB_DATA_LATTICES, /* arcs of characters and words */
  EDB_DATA_DAGS,     /* nodes of named kinds: source=17 source=4 join(0,1) */
  EDB_DATA_PLANS,    /* nested JSON: {"operator": "sort", "children": [...]} */
  EDB_DATA_FORMAT_COUNT
} edb_data_format;

/* "auto", "jsonl", "trees", ...; NULL or false: there is no such form. */
EDB_API const char *edb_data_format_name(edb_data_format format);
EDB_API bool edb_data_format_from_name(const char *name, edb_data_format *out);

typedef struct edb_data_params {
  size_t struct_bytes;
  edb_data_format format;
  uint32_t limit;     /* at most so many instances; 0: all */
  bool skip_bad;      /* count bad instances and go on, instead of failing at the first */
  bool no_labels;     /* drop labels: inference */
  uint32_t fold_ids;  /* ids of lattices modulo this number; 0: as they are */
  uint32_t min_count; /* where a model spells rare words: these occur less often; 0: 5 */
} edb_data_params;

/* Checks the read sections of a model as reading data does first: forms, patterns, names, shapes, a
 * source for every input and attribute. EDB_ERROR_NAME, EDB_ERROR_FORMAT, EDB_ERROR_SHAPE, at the
 * rule in the model file. A model without read sections is fine. */
EDB_API EDB_MUST_CHECK edb_status edb_data_check_model(const edb_model *model, edb_error *error);

/* Errors carry file, line, column, found and expected. */
EDB_API EDB_MUST_CHECK edb_status edb_dataset_load(edb_context *ctx, edb_model *model,
                                                   const char *path, const edb_data_params *params,
                                                   edb_dataset **out, edb_error *error);
EDB_API EDB_MUST_CHECK edb_status edb_dataset_parse(edb_context *ctx, edb_model *model,
                                                    const char *text, size_t bytes,
                                                    const char *name, const edb_data_params *params,
                                                    edb_dataset **out, edb_error *error);
EDB_API void edb_dataset_destroy(edb_dataset *dataset);
EDB_API uint32_t edb_dataset_count(const edb_dataset *dataset);
EDB_API uint32_t edb_dataset_skipped(const edb_dataset *dataset);
/* Node i of the instance in input order is node edb_dataset_node(...) of it in the graph's order
 * (they differ only where the input names nodes before they are defined). */
EDB_API uint32_t edb_dataset_node_count(const edb_dataset *dataset, uint32_t instance);
EDB_API uint32_t edb_dataset_node(const edb_dataset *dataset, uint32_t instance, uint32_t i);
/* Appends one instance to a graph over the same model, as a new instance of it. */
EDB_API EDB_MUST_CHECK edb_status edb_dataset_append(const edb_dataset *dataset, uint32_t instance,
                                                     edb_graph *graph, edb_error *error);

/* Synthetic data with the size statistics of the real (docs/data.md), in the form that
 * edb_dataset_load reads: "trees", "grids", "tags", "text", "pairs", "lattices", "dags" or "plans".
 * Seeded. */
EDB_API EDB_MUST_CHECK edb_status edb_generate(edb_context *ctx, const char *form, uint32_t count,
                                               uint64_t seed, const char *path, edb_error *error);

/* Graphs without a model, as plain text, for studying schedules: the number of nodes, then a line
 * `type nargs arg...` per node. Nodes of type 0 are unbatchable: they run alone, as soon as they
 * are ready, each as one batch. Errors carry file, line and column. */
typedef struct edb_raw_graph edb_raw_graph;
EDB_API EDB_MUST_CHECK edb_status edb_raw_graph_open(edb_context *ctx, const char *path,
                                                     edb_raw_graph **out, edb_error *error);
EDB_API void edb_raw_graph_close(edb_raw_graph *graph);
EDB_API uint32_t edb_raw_graph_node_count(const edb_raw_graph *graph);
EDB_API EDB_MUST_CHECK edb_status edb_raw_graph_schedule(const edb_raw_graph *graph,
                                                         const edb_policy *policy,
                                                         edb_schedule **out, edb_error *error);
/* As edb_policy_learn; the types of the FSM are the file's numbers. Load such a policy with a NULL
 * model. */
EDB_API EDB_MUST_CHECK edb_status edb_raw_graph_learn(edb_context *ctx,
                                                      const edb_raw_graph *const *graphs,
                                                      uint32_t n_graphs,
                                                      const edb_learn_params *params,
                                                      edb_policy **out, edb_error *error);

#ifdef __cplusplus
}
#endif
#endif
