/* model/lower.h: the same model at operator granularity: every operator of every cell a node.
 *
 * The program of a lowering has one single-operator cell per distinct (operator, shapes,
 * parameters, numbers); calls of such cells that differ in nothing else batch together, whichever
 * cell they came from. This is the "vanilla" granularity of the paper. Maps over variadic inputs
 * become one node per element; softmax_over becomes its parts (max_over, sub, exp, sum_over, div),
 * which is its definition. */
#ifndef EDB_MODEL_LOWER_H
#define EDB_MODEL_LOWER_H

#include "base/vec.h"
#include "model/ir.h"

typedef struct edb_lowering edb_lowering;

EDB_MUST_CHECK edb_status edb_lowering_create(edb_context *ctx, const edb_model *model,
                                              edb_lowering **out, edb_error *error);
void edb_lowering_destroy(edb_lowering *lowering);
const edb_program *edb_lowering_program(const edb_lowering *lowering);

/* Appends the operators of the pending cell nodes of `source` to `target` (a graph over the
 * lowering's schema), with the instances they belong to. `values` maps outputs of cell nodes to
 * values of `target`, and grows by what was added: the entry of output o of node n is
 * values->data[values_start->data[n] + o]; node UINT32_MAX = does not exist (absent labels, or the
 * node had run before it was lowered). An output that is an input of its cell is that input's
 * value.
 *
 * Works incrementally: earlier calls' maps are continued. After a failure the map holds all nodes
 * up to the one that failed, whose operators may be in `target` in part; a later call goes on with
 * it. Errors: those of edb_graph_append; EDB_ERROR_STATE (an input that has no value). */
typedef struct edb_lower_map {
  EDB_VEC(edb_value) values;
  EDB_VEC(size_t) values_start; /* per cell node, by absolute id */
} edb_lower_map;

EDB_MUST_CHECK edb_status edb_lower_graph(const edb_lowering *lowering, const edb_graph *source,
                                          edb_graph *target, edb_lower_map *map, edb_error *error);
void edb_lower_map_free(edb_context *ctx, edb_lower_map *map);

#endif
