/* graph/store.c: memory of a graph. The arrays of nodes share one block, as do those of edges, so
 * that growing them either succeeds or changes nothing. */
#include "graph/store.h"

#include <string.h>

#include "base/context.h"

#define MIN_CAPACITY 64 /* whole words of the bit set */
/* From here on arrays grow by an eighth, not by half: what is not used counts then. */
#define LARGE_CAPACITY ((size_t)1 << 18)

static size_t node_bytes(size_t capacity) {
  return capacity == 0 ? 0 : capacity / 8 + (capacity * 3 + 2) * sizeof(uint32_t);
}

static size_t edge_bytes(size_t capacity) {
  return capacity * (sizeof(uint32_t) + sizeof(uint16_t));
}

static void copy(void *target, const void *source, size_t bytes) {
  if (bytes > 0) memcpy(target, source, bytes);
}

static size_t grown(size_t capacity, size_t wanted) {
  size_t more = capacity < LARGE_CAPACITY ? capacity / 2 : capacity / 8;
  size_t target = capacity < MIN_CAPACITY ? MIN_CAPACITY : capacity + more;
  if (target < wanted) target = wanted;
  return (target + 63) / 64 * 64;
}

static edb_status grow_nodes(edb_graph *g, size_t wanted, edb_error *error) {
  size_t capacity = grown(g->node_capacity, wanted), n = g->n_nodes;
  uint64_t *block = edb_alloc(g->ctx, node_bytes(capacity));
  if (block == NULL) return edb_fail_memory(error, node_bytes(capacity), "the nodes of a graph");
  uint32_t *type = (uint32_t *)(block + capacity / 64);
  uint32_t *edge_start = type + capacity;
  uint32_t *int_start = edge_start + capacity + 1;
  memset(block, 0, capacity / 8);
  edge_start[0] = int_start[0] = 0;
  if (g->node_memory != NULL) {
    memcpy(block, g->released, g->node_capacity / 8);
    memcpy(type, g->type, n * sizeof *type);
    memcpy(edge_start, g->edge_start, (n + 1) * sizeof *edge_start);
    memcpy(int_start, g->int_start, (n + 1) * sizeof *int_start);
    edb_free(g->ctx, g->node_memory, node_bytes(g->node_capacity));
  }
  g->node_memory = g->released = block;
  g->type = type;
  g->edge_start = edge_start;
  g->int_start = int_start;
  g->node_capacity = capacity;
  return EDB_OK;
}

static edb_status grow_edges(edb_graph *g, size_t wanted, edb_error *error) {
  size_t capacity = grown(g->edge_capacity, wanted);
  uint32_t *block = edb_alloc(g->ctx, edge_bytes(capacity));
  if (block == NULL) return edb_fail_memory(error, edge_bytes(capacity), "the edges of a graph");
  uint16_t *output = (uint16_t *)(block + capacity);
  copy(block, g->edge_node, g->edge_count * sizeof *block);
  copy(output, g->edge_output, g->edge_count * sizeof *output);
  edb_free(g->ctx, g->edge_memory, edge_bytes(g->edge_capacity));
  g->edge_memory = g->edge_node = block;
  g->edge_output = output;
  g->edge_capacity = capacity;
  return EDB_OK;
}

/* Gives the grown array, or NULL; all element types here have four bytes. */
static void *grow_words(edb_graph *g, void *words, size_t *capacity, size_t wanted,
                        edb_error *error) {
  size_t target = grown(*capacity, wanted);
  void *moved = edb_resize(g->ctx, words, *capacity * sizeof(uint32_t), target * sizeof(uint32_t));
  if (moved == NULL) {
    (void)edb_fail_memory(error, target * sizeof(uint32_t), "the attributes of a graph");
    return NULL;
  }
  *capacity = target;
  return moved;
}

/* Whether `have + more` passes `limit`, without wrapping. */
static bool beyond(uint64_t have, size_t more, uint64_t limit) {
  return more > limit || have > limit - more;
}

static edb_status check_limits(const edb_graph *g, size_t nodes, size_t edges, size_t ints,
                               size_t floats, edb_error *error) {
  EDB_FAIL_IF(beyond(g->base + (uint64_t)g->n_nodes, nodes, EDB_GRAPH_LIMIT), error,
              EDB_ERROR_LIMIT, "a graph holds at most %u nodes; it has %u and %zu more are wanted",
              EDB_GRAPH_LIMIT, g->base + g->n_nodes, nodes);
  EDB_FAIL_IF(beyond(g->edge_count, edges, EDB_GRAPH_LIMIT), error, EDB_ERROR_LIMIT,
              "a graph holds at most %u edges; it has %zu and %zu more are wanted", EDB_GRAPH_LIMIT,
              g->edge_count, edges);
  EDB_FAIL_IF(beyond(g->int_count, ints, EDB_GRAPH_LIMIT) ||
                  beyond(g->float_count, floats, EDB_GRAPH_LIMIT),
              error, EDB_ERROR_LIMIT,
              "a graph holds at most %u attribute values; it has %zu indices and %zu numbers, and "
              "%zu and %zu more are wanted",
              EDB_GRAPH_LIMIT, g->int_count, g->float_count, ints, floats);
  return EDB_OK;
}

edb_status edb_graph_grow(edb_graph *g, size_t nodes, size_t edges, size_t ints, size_t floats,
                          edb_error *error) {
  EDB_TRY(check_limits(g, nodes, edges, ints, floats, error));
  if (g->n_nodes + nodes > g->node_capacity) EDB_TRY(grow_nodes(g, g->n_nodes + nodes, error));
  if (g->edge_count + edges > g->edge_capacity)
    EDB_TRY(grow_edges(g, g->edge_count + edges, error));
  if (g->int_count + ints > g->int_capacity) {
    int32_t *moved = grow_words(g, g->ints, &g->int_capacity, g->int_count + ints, error);
    if (moved == NULL) return EDB_ERROR_MEMORY;
    g->ints = moved;
  }
  if (g->float_count + floats > g->float_capacity) {
    float *moved = grow_words(g, g->floats, &g->float_capacity, g->float_count + floats, error);
    if (moved == NULL) return EDB_ERROR_MEMORY;
    g->floats = moved;
  }
  return EDB_OK;
}

edb_status edb_graph_push_instance(edb_graph *g, edb_error *error) {
  EDB_FAIL_IF(g->n_instances == EDB_GRAPH_LIMIT, error, EDB_ERROR_LIMIT,
              "a graph holds at most %u instances", EDB_GRAPH_LIMIT);
  if (g->n_instances == g->instance_capacity) {
    size_t capacity = grown(g->instance_capacity, 0);
    uint32_t *moved = edb_resize(g->ctx, g->instance_start, g->instance_capacity * sizeof *moved,
                                 capacity * sizeof *moved);
    if (moved == NULL)
      return edb_fail_memory(error, capacity * sizeof *moved, "the instances of a graph");
    g->instance_start = moved;
    g->instance_capacity = capacity;
  }
  g->instance_start[g->n_instances++] = g->base + g->n_nodes;
  return EDB_OK;
}

edb_status edb_graph_create_schema(edb_context *ctx, const edb_schema *schema, edb_graph **out,
                                   edb_error *error) {
  for (uint32_t t = 0; t < schema->n_types; t++) {
    EDB_FAIL_IF(schema->types[t].n_outputs > UINT16_MAX, error, EDB_ERROR_LIMIT,
                "cell \"%s\" has %u outputs; at most %u are possible in a graph",
                schema->types[t].name, schema->types[t].n_outputs, UINT16_MAX);
  }
  edb_graph *g = edb_alloc_zero(ctx, sizeof *g);
  if (g == NULL) return edb_fail_memory(error, sizeof *g, "a graph");
  g->ctx = ctx;
  g->schema = schema;
  g->lowest_pending_use = UINT32_MAX;
  g->generation = edb_context_new_id(ctx);
  edb_status status = grow_nodes(g, 0, error); /* so that edge_start[0] is always there */
  if (status != EDB_OK) {
    edb_free(ctx, g, sizeof *g);
    return status;
  }
  *out = g;
  return EDB_OK;
}

size_t edb_graph_memory_bytes(const edb_graph *g) {
  return sizeof *g + node_bytes(g->node_capacity) + edge_bytes(g->edge_capacity) +
         g->int_capacity * sizeof *g->ints + g->float_capacity * sizeof *g->floats +
         g->instance_capacity * sizeof *g->instance_start;
}

void edb_graph_destroy(edb_graph *g) {
  if (g == NULL) return;
  edb_free(g->ctx, g->node_memory, node_bytes(g->node_capacity));
  edb_free(g->ctx, g->edge_memory, edge_bytes(g->edge_capacity));
  edb_free(g->ctx, g->ints, g->int_capacity * sizeof *g->ints);
  edb_free(g->ctx, g->floats, g->float_capacity * sizeof *g->floats);
  edb_free(g->ctx, g->instance_start, g->instance_capacity * sizeof *g->instance_start);
  edb_free(g->ctx, g, sizeof *g);
}
