/* layout/recurrence.h: which inputs of recurrent cells do not come from the recurrence itself.
 *
 * A type is recurrent when its nodes lead to nodes of the same type. Of its inputs those are known
 * early that no node of its strongly connected component gives: the layer below, for one. Products
 * with them can run in one batch, which pays where the batches of the recurrence are thin. */
#ifndef EDB_LAYOUT_RECURRENCE_H
#define EDB_LAYOUT_RECURRENCE_H

#include "policy/policy.h"

/* Above this number of types nothing is looked for. */
#define EDB_RECURRENCE_TYPES 1024

/* Inputs of all types of a schema. */
size_t edb_input_count(const edb_schema *schema);

/* known[i] for each input of all types, one type after the other, of the pending nodes of a graph;
 * *any: there are some, and component[t] is then the number of the component of each type, in
 * topological order. Only types whose batches have fewer rows than pay are looked at. Any
 * schedule does no harm. */
EDB_MUST_CHECK edb_status edb_find_known_inputs(edb_context *ctx, const edb_graph *graph,
                                                const edb_schedule *schedule, uint8_t *known,
                                                uint32_t *component, bool *any, edb_error *error);

#endif
