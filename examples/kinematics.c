/* examples/kinematics.c: where all links of many robots are, each with its own tree of joints.
 * Nothing is learned: the same batching, for another field. The result is compared with a plain
 * loop.
 *
 * A joint turns its link about an axis by an angle q (Rodrigues): with the axis as a matrix K,
 * turn = 1 + sin(q) K + (1 - cos(q)) K K, and pose = parent offset turn, all 4 x 4. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edbatch/edbatch.h>

static const char model_text[] =
    "edb 1\n"
    "model kinematics\n"
    "cell base(pose: dense[4, 4]) -> (pose[4, 4]):\n"
    "  at = pose\n"
    "cell joint(parent[4, 4], offset: dense[4, 4], K: dense[4, 4], q: dense) -> (pose[4, 4]):\n"
    "  a = parent @ offset\n"
    "  b = a @ K\n"
    "  pose = a + sin(q) * b + (1 - cos(q)) * (b @ K)\n";

#define MAX_LINKS 64
#define ROBOTS    256

typedef float matrix[16]; /* row-major */

/* Links in an order in which parents come first. */
typedef struct robot {
  int n_links, parent[MAX_LINKS];
  matrix offset[MAX_LINKS], axis[MAX_LINKS];
  float angle[MAX_LINKS];
} robot;

static edb_error error;

static void must(edb_status status) {
  if (status == EDB_OK) return;
  fprintf(stderr, "kinematics: %s\n", error.text);
  exit(1);
}

static float uniform(float low, float high) {
  return low + (high - low) * (float)rand() / (float)RAND_MAX;
}

/* ---- Robots
 * --------------------------------------------------------------------------------------- */

static void add_link(robot *r, int parent) {
  int i = r->n_links++;
  float x = uniform(-1, 1), y = uniform(-1, 1), z = uniform(0.1f, 1);
  float n = sqrtf(x * x + y * y + z * z);
  x /= n, y /= n, z /= n;
  r->parent[i] = parent;
  memcpy(
      r->offset[i],
      (matrix){1, 0, 0, uniform(-.3f, .3f), 0, 1, 0, uniform(-.3f, .3f), 0, 0, 1, 0.2f, 0, 0, 0, 1},
      sizeof(matrix));
  memcpy(r->axis[i], (matrix){0, -z, y, 0, z, 0, -x, 0, -y, x, 0, 0, 0, 0, 0, 0}, sizeof(matrix));
  r->angle[i] = uniform(-3, 3);
}

static void add_chain(robot *r, int parent, int length) {
  for (int i = 0; i < length; i++) {
    add_link(r, parent);
    parent = r->n_links - 1;
  }
}

/* Arms, walkers with two to six legs, hands, snakes. */
static void make_robot(robot *r) {
  r->n_links = 0;
  add_link(r, -1); /* the base; only its offset counts */
  int kind = rand() % 4;
  if (kind == 0) add_chain(r, 0, 6 + rand() % 2);
  if (kind == 1)
    for (int leg = 0, legs = 2 + rand() % 5; leg < legs; leg++) add_chain(r, 0, 3);
  if (kind == 2) {
    add_chain(r, 0, 7);
    for (int finger = 0, wrist = r->n_links - 1; finger < 5; finger++) add_chain(r, wrist, 4);
  }
  if (kind == 3) add_chain(r, 0, 10 + rand() % 40);
}

/* ---- With edbatch
 * --------------------------------------------------------------------------------- */

static void append_robot(edb_graph *graph, uint32_t base, uint32_t joint, const robot *r) {
  edb_node nodes[MAX_LINKS];
  must(edb_graph_begin_instance(graph, &error));
  for (int i = 0; i < r->n_links; i++) {
    const float *dense[] = {r->offset[i], r->axis[i], &r->angle[i]};
    edb_call call = {.cell = base, .dense = dense};
    edb_value parent = {0, 0};
    if (i > 0) {
      parent.node = nodes[r->parent[i]];
      call = (edb_call){.cell = joint, .inputs = &parent, .n_inputs = 1, .dense = dense};
    }
    must(edb_graph_append(graph, &call, &nodes[i], &error));
  }
}

/* ---- With a loop
 * ---------------------------------------------------------------------------------- */

static void multiply(const float *a, const float *b, float *out) {
  for (int i = 0; i < 16; i++) {
    out[i] = 0;
    for (int k = 0; k < 4; k++) out[i] += a[i / 4 * 4 + k] * b[k * 4 + i % 4];
  }
}

static void pose_of(const robot *r, int i, matrix *poses) {
  matrix a, b, bb;
  if (i == 0) {
    memcpy(poses[0], r->offset[0], sizeof(matrix));
    return;
  }
  multiply(poses[r->parent[i]], r->offset[i], a);
  multiply(a, r->axis[i], b);
  multiply(b, r->axis[i], bb);
  for (int k = 0; k < 16; k++)
    poses[i][k] = a[k] + sinf(r->angle[i]) * b[k] + (1 - cosf(r->angle[i])) * bb[k];
}

/* Largest difference of any entry of any pose. */
static double compare(const edb_session *session, const edb_graph *graph, const robot *robots) {
  double worst = 0;
  edb_node node = 0;
  for (int n = 0; n < ROBOTS; n++) {
    matrix poses[MAX_LINKS], found;
    for (int i = 0; i < robots[n].n_links; i++, node++) {
      pose_of(&robots[n], i, poses);
      must(edb_session_read(session, graph, (edb_value){node, 0}, found, 16, &error));
      for (int k = 0; k < 16; k++) worst = fmax(worst, fabs((double)found[k] - poses[i][k]));
    }
  }
  return worst;
}

int main(void) {
  static robot robots[ROBOTS];
  edb_context *ctx;
  edb_model *model;
  edb_weights *weights;
  edb_session *session;
  edb_graph *graph;

  must(edb_context_create(NULL, &ctx, &error));
  must(edb_model_parse(ctx, model_text, sizeof model_text - 1, "kinematics.edb", NULL, &model,
                       &error));
  must(edb_weights_create(ctx, model, 1, &weights, &error)); /* of a model without parameters */
  must(edb_session_create(ctx, model, weights, NULL, &session, &error));
  must(edb_graph_create(ctx, model, &graph, &error));
  srand(1);
  for (int i = 0; i < ROBOTS; i++) {
    make_robot(&robots[i]);
    append_robot(graph, edb_model_cell(model, "base"), edb_model_cell(model, "joint"), &robots[i]);
  }
  must(edb_session_run(session, graph, NULL, NULL, &error));

  edb_run_stats stats = edb_session_stats(session);
  double worst = compare(session, graph, robots);
  printf("%d robots, %u links in %u batches, %.3f ms; largest difference to a plain loop %.2g\n",
         ROBOTS, stats.nodes, stats.batches, (double)stats.run_ns * 1e-6, worst);

  edb_graph_destroy(graph);
  edb_session_destroy(session);
  edb_weights_destroy(weights);
  edb_model_destroy(model);
  edb_context_destroy(ctx);
  return worst < 1e-4 ? 0 : 1;
}
