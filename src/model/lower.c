/* model/lower.c: cell graphs turned into operator graphs. */
#include "model/recipe.h"

#define NO_VALUE ((edb_value){UINT32_MAX, 0})

edb_status edb_lowering_create(edb_context *ctx, const edb_model *model, edb_lowering **out,
                               edb_error *error) {
  edb_lowering *l = edb_alloc_zero(ctx, sizeof *l);
  if (!l) return edb_fail_memory(error, sizeof *l, "a lowering");
  l->ctx = ctx;
  l->model = edb_model_program(model);
  edb_arena_init(&l->arena, ctx, 16384);
  edb_status status = edb_op_cells_init(&l->cells, ctx, l->model, error);
  if (status != EDB_OK) {
    edb_free(ctx, l, sizeof *l);
    return status;
  }
  status = edb_recipes_build(l, error);
  if (status != EDB_OK) {
    edb_lowering_destroy(l);
    return status;
  }
  *out = l;
  return EDB_OK;
}

void edb_lowering_destroy(edb_lowering *lowering) {
  if (!lowering) return;
  edb_context *ctx = lowering->ctx;
  edb_op_cells_free(&lowering->cells);
  edb_vec_free(ctx, &lowering->sources);
  edb_vec_free(ctx, &lowering->attributes);
  edb_arena_free(&lowering->arena);
  edb_free(ctx, lowering, sizeof *lowering);
}

const edb_program *edb_lowering_program(const edb_lowering *lowering) {
  return &lowering->program;
}

/* ---- Graphs ---------------------------------------------------------------------------------- */

typedef struct walk {
  const edb_lowering *lowering;
  const edb_graph *source;
  edb_graph *target;
  edb_lower_map *map;
  EDB_VEC(edb_value) values; /* of one call, slot after slot */
  EDB_VEC(uint32_t) start;   /* [slots + 1] of each slot in `values` */
  EDB_VEC(edb_value) inputs; /* of one operator */
  EDB_VEC(int32_t) indices;
  EDB_VEC(const float *) dense;
  edb_error *error;
} walk;

static bool walk_reserve(walk *w) {
  const edb_lowering *l = w->lowering;
  edb_context *ctx = l->ctx;
  return edb_vec_reserve(ctx, &w->start, (size_t)l->max_slots + 1) &&
         edb_vec_reserve(ctx, &w->inputs, (size_t)l->max_sources + 1) &&
         edb_vec_reserve(ctx, &w->indices, (size_t)l->max_attributes + 1) &&
         edb_vec_reserve(ctx, &w->dense, (size_t)l->max_attributes + 1);
}

static void walk_free(walk *w) {
  edb_context *ctx = w->lowering->ctx;
  edb_vec_free(ctx, &w->values);
  edb_vec_free(ctx, &w->start);
  edb_vec_free(ctx, &w->inputs);
  edb_vec_free(ctx, &w->indices);
  edb_vec_free(ctx, &w->dense);
}

/* Fills the slots of the cell's inputs with what became of their values. */
static edb_status enter_inputs(walk *w, uint32_t index, const edb_type_sig *sig) {
  const edb_graph *g = w->source;
  const edb_lower_map *map = w->map;
  const int32_t *arity = edb_graph_arities(g, index);
  uint32_t first = g->edge_start[index], n = g->edge_start[index + 1] - first;
  if (!edb_vec_reserve(w->lowering->ctx, &w->values, n))
    return edb_fail_memory(w->error, n * sizeof(edb_value), "the values of a call");
  w->start.data[0] = 0;
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    uint32_t elements = sig->inputs[i].variadic ? (uint32_t)*arity++ : 1;
    w->start.data[i + 1] = w->start.data[i] + elements;
  }
  for (uint32_t e = 0; e < n; e++) {
    uint32_t node = g->edge_node[first + e], output = g->edge_output[first + e];
    w->values.data[e] = map->values.data[map->values_start.data[node] + output];
    EDB_FAIL_IF(w->values.data[e].node == UINT32_MAX, w->error, EDB_ERROR_STATE,
                "node %u takes output %u of node %u, which has no value at operator granularity",
                g->base + index, output, node);
  }
  return EDB_OK;
}

static void take_attributes(walk *w, uint32_t index, const edb_recipe_step *s) {
  const uint32_t *attributes = w->lowering->attributes.data;
  const int32_t *given = s->n_indices ? edb_graph_indices(w->source, index) : NULL;
  for (uint32_t i = 0; i < s->n_indices; i++) {
    w->indices.data[i] = given[attributes[s->first_index + i]];
  }
  for (uint32_t i = 0; i < s->n_dense; i++) {
    w->dense.data[i] = edb_graph_dense(w->source, index, attributes[s->first_dense + i]);
  }
}

/* One step: its nodes, and its slot. */
static edb_status walk_step(walk *w, uint32_t index, const edb_recipe_step *s, uint32_t slot) {
  const edb_source *sources = w->lowering->sources.data + s->first_source;
  uint32_t *start = w->start.data, at = start[slot];
  uint32_t elements = start[s->counter + 1] - start[s->counter];
  uint32_t n_nodes = s->repeat == EDB_REPEAT_EACH ? elements : 1;
  edb_call call = {.cell = s->cell,
                   .inputs = w->inputs.data,
                   .n_inputs = s->n_sources,
                   .indices = w->indices.data,
                   .dense = w->dense.data};
  take_attributes(w, index, s);
  if (s->repeat == EDB_REPEAT_OVER) {
    call.inputs = w->values.data + start[sources[0].slot];
    call.n_inputs = elements;
    call.arities = &elements;
  }
  for (uint32_t e = 0; e < n_nodes; e++) {
    for (uint32_t i = 0; s->repeat != EDB_REPEAT_OVER && i < s->n_sources; i++) {
      w->inputs.data[i] = w->values.data[start[sources[i].slot] + e * sources[i].stride];
    }
    edb_node node;
    EDB_TRY(edb_graph_append(w->target, &call, &node, w->error));
    w->values.data[at + e] = (edb_value){node, 0};
  }
  return EDB_OK;
}

/* All steps of one call. Those that need absent labels leave no values. */
static edb_status walk_call(walk *w, uint32_t index, const edb_recipe *r) {
  bool labels = edb_graph_has_labels(w->source, index);
  for (uint32_t i = 0; i < r->n_steps; i++) {
    const edb_recipe_step *s = &r->steps[i];
    uint32_t slot = r->n_inputs + i, *start = w->start.data;
    uint32_t count = s->repeat == EDB_REPEAT_EACH ? start[s->counter + 1] - start[s->counter] : 1;
    start[slot + 1] = start[slot] + count;
    if (!edb_vec_reserve(w->lowering->ctx, &w->values, start[slot + 1]))
      return edb_fail_memory(w->error, count * sizeof(edb_value), "the values of a call");
    if (!s->needs_labels || labels) {
      EDB_TRY(walk_step(w, index, s, slot));
      continue;
    }
    for (uint32_t e = start[slot]; e < start[slot + 1]; e++) w->values.data[e] = NO_VALUE;
  }
  return EDB_OK;
}

/* The next cell node in order. The map takes it in only once all of it is there, so that a failure
 * leaves the map valid: a later call goes on with this node. */
static edb_status lower_node(walk *w, uint32_t id) {
  const edb_lowering *l = w->lowering;
  const edb_graph *g = w->source;
  edb_lower_map *map = w->map;
  uint32_t index = id - g->base, cell = id < g->base ? UINT32_MAX : g->type[index];
  uint32_t n_outputs = id < g->base ? 0 : l->recipes[cell].n_outputs;
  size_t values = map->values.length;
  if (!edb_vec_reserve(l->ctx, &map->values_start, map->values_start.length + 1) ||
      !edb_vec_reserve(l->ctx, &map->values, values + n_outputs))
    return edb_fail_memory(w->error, n_outputs * sizeof(edb_value), "the map to operators");
  if (id >= g->first) {
    EDB_TRY(enter_inputs(w, index, &l->model->cells[cell].sig));
    EDB_TRY(walk_call(w, index, &l->recipes[cell]));
  }
  for (uint32_t o = 0; o < n_outputs; o++) {
    uint32_t slot = l->recipes[cell].output_slot[o];
    map->values.data[values + o] = id < g->first ? NO_VALUE : w->values.data[w->start.data[slot]];
  }
  map->values.length += n_outputs;
  map->values_start.data[map->values_start.length++] = values;
  return EDB_OK;
}

/* Begins the instances that the source begins at this node or before. */
static edb_status begin_instances(walk *w, uint32_t id) {
  const edb_graph *g = w->source;
  while (w->target->n_instances < g->n_instances &&
         g->instance_start[w->target->n_instances] <= id) {
    EDB_TRY(edb_graph_begin_instance(w->target, w->error));
  }
  return EDB_OK;
}

edb_status edb_lower_graph(const edb_lowering *lowering, const edb_graph *source, edb_graph *target,
                           edb_lower_map *map, edb_error *error) {
  walk w = {.lowering = lowering, .source = source, .target = target, .map = map, .error = error};
  edb_status status = EDB_OK;
  if (!walk_reserve(&w)) status = edb_fail_memory(error, lowering->max_slots, "a lowering");
  uint32_t end = source->base + source->n_nodes;
  while (status == EDB_OK && map->values_start.length < end) {
    uint32_t id = (uint32_t)map->values_start.length;
    status = begin_instances(&w, id);
    if (status == EDB_OK) status = lower_node(&w, id);
  }
  walk_free(&w);
  return status;
}

void edb_lower_map_free(edb_context *ctx, edb_lower_map *map) {
  edb_vec_free(ctx, &map->values);
  edb_vec_free(ctx, &map->values_start);
}
