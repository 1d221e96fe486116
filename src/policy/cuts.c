/* policy/cuts.c: deals the instances of a component to dags of their own. */
#include "policy/cuts.h"

#include "policy/part.h"

#define MOST_CUTS       8
#define LEAST_INSTANCES 2

/* The arrays of all cuts, one behind the other. */
typedef struct arrays {
  uint32_t *cut;   /* [n_instances] */
  uint32_t *local; /* [n_nodes] number inside its cut */
  uint32_t *type;  /* [n_nodes] */
  uint32_t *in_start, *in;
} arrays;

/* A random order of the instances, dealt out in turn. */
static void deal(const edb_part *part, uint32_t n_cuts, edb_rng *rng, uint32_t *cut) {
  for (uint32_t i = 0; i < part->n_instances; i++) {
    uint32_t j = edb_rng_below(rng, i + 1);
    cut[i] = cut[j];
    cut[j] = i;
  }
  for (uint32_t i = 0; i < part->n_instances; i++) cut[i] %= n_cuts;
}

/* Nodes of a cut keep their order, so inputs come first. */
static void fill(const edb_part *part, const edb_problem *p, const edb_dag *dag, const arrays *a,
                 edb_cuts *cuts) {
  uint32_t done = 0, edges = 0;
  for (uint32_t c = 0; c < cuts->count; c++) {
    uint32_t *type = a->type + done, *in_start = a->in_start + done + c, n = 0;
    for (uint32_t v = 0; v < part->n_nodes; v++) {
      if (a->cut[part->instance[v]] != c) continue;
      in_start[n] = edges;
      type[n] = p->original_type[part->type[part->column[v]]];
      a->local[v] = n++;
      for (uint32_t e = part->in_start[v]; e < part->in_start[v + 1]; e++)
        a->in[edges++] = a->local[part->in[e]];
    }
    in_start[n] = edges;
    done += n;
    cuts->dags[c] = (edb_dag){.n_nodes = n,
                              .n_types = dag->n_types,
                              .type = type,
                              .in_start = in_start,
                              .in_node = a->in,
                              .unbatchable = dag->unbatchable};
  }
}

static edb_status cut_part(edb_context *ctx, const edb_part *part, const edb_problem *problem,
                           const edb_dag *dag, edb_rng *rng, edb_cuts *out, edb_error *error) {
  size_t nodes = part->n_nodes, instances = part->n_instances;
  edb_cuts cuts = {.count = part->n_instances / LEAST_INSTANCES};
  if (cuts.count > MOST_CUTS) cuts.count = MOST_CUTS;
  if (cuts.count < 2) return EDB_OK;
  size_t words = instances + nodes * 3 + cuts.count + part->n_edges;
  cuts.memory_bytes = cuts.count * sizeof *cuts.dags + words * sizeof(uint32_t);
  cuts.memory = edb_alloc(ctx, cuts.memory_bytes);
  if (cuts.memory == NULL) return edb_fail_memory(error, cuts.memory_bytes, "cuts of a mini-batch");
  cuts.dags = cuts.memory;
  arrays a = {.cut = (uint32_t *)(void *)(cuts.dags + cuts.count)};
  a.local = a.cut + instances;
  a.type = a.local + nodes;
  a.in_start = a.type + nodes;
  a.in = a.in_start + nodes + cuts.count;
  deal(part, cuts.count, rng, a.cut);
  fill(part, problem, dag, &a, &cuts);
  *out = cuts;
  return EDB_OK;
}

edb_status edb_cuts_init(edb_context *ctx, const edb_problem *problem, uint32_t component,
                         const edb_dag *dag, edb_rng *rng, edb_cuts *out, edb_error *error) {
  edb_part part;
  *out = (edb_cuts){0};
  if (problem->component_size[component] < 2) return EDB_OK;
  EDB_TRY(edb_part_init(ctx, problem, component, &part, error));
  edb_status status = cut_part(ctx, &part, problem, dag, rng, out, error);
  edb_part_free(ctx, &part);
  return status;
}

void edb_cuts_free(edb_context *ctx, edb_cuts *cuts) {
  edb_free(ctx, cuts->memory, cuts->memory_bytes);
  *cuts = (edb_cuts){0};
}
