/* tools/inspect.c: `edbatch inspect`: what is in a file of a model, weights, a policy or costs. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "workplace.h"

static const option_id accepts[] = {OPTION_SET, OPTION_JSON, OPTION_HELP};

/* ---- Models -------------------------------------------------------------------------------------
 */

static size_t param_size(const edb_model *m, uint32_t param) {
  size_t size = 1;
  for (uint32_t d = 0; d < edb_model_param_rank(m, param); d++)
    size *= edb_model_param_dim(m, param, d);
  return size;
}

static json_t *dims_json(const edb_model *m, uint32_t param) {
  json_t *dims = json_array();
  for (uint32_t d = 0; d < edb_model_param_rank(m, param); d++)
    json_array_append_new(dims, json_integer((json_int_t)edb_model_param_dim(m, param, d)));
  return dims;
}

static json_t *outputs_json(const edb_model *m, uint32_t cell) {
  json_t *outputs = json_object();
  for (uint32_t o = 0; o < edb_model_output_count(m, cell); o++) {
    json_t *shape = json_array();
    for (uint32_t d = 0; d < edb_model_output_rank(m, cell, o); d++)
      json_array_append_new(shape, json_integer((json_int_t)edb_model_output_dim(m, cell, o, d)));
    json_object_set_new(outputs, edb_model_output_name(m, cell, o), shape);
  }
  return outputs;
}

static json_t *model_json(const edb_model *m) {
  json_t *params = json_array(), *cells = json_array(), *vocabs = json_object();
  json_int_t total = 0;
  for (uint32_t i = 0; i < edb_model_param_count(m); i++) {
    total += (json_int_t)param_size(m, i);
    json_array_append_new(params, json_pack("{s:s, s:o}", "name", edb_model_param_name(m, i),
                                            "shape", dims_json(m, i)));
  }
  for (uint32_t i = 0; i < edb_model_cell_count(m); i++)
    json_array_append_new(cells,
                          json_pack("{s:s, s:o, s:f}", "name", edb_model_cell_name(m, i), "outputs",
                                    outputs_json(m, i), "flops", edb_model_cell_flops(m, i)));
  for (uint32_t i = 0; i < edb_model_vocab_count(m); i++)
    json_object_set_new(vocabs, edb_model_vocab_name(m, i),
                        json_integer(edb_model_vocab_size(m, i)));
  return json_pack("{s:s, s:s, s:o, s:o, s:I, s:o}", "kind", "model", "name", edb_model_name(m),
                   "vocabs", vocabs, "params", params, "parameters", total, "cells", cells);
}

static void print_model(const edb_model *m, const char *text) {
  size_t total = 0;
  fputs(text, stdout);
  printf("\n# %-16s %-24s %s\n", "parameter", "shape", "elements");
  for (uint32_t i = 0; i < edb_model_param_count(m); i++) {
    char shape[64] = "";
    for (uint32_t d = 0; d < edb_model_param_rank(m, i); d++)
      snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%zu", d ? " x " : "",
               edb_model_param_dim(m, i, d));
    printf("# %-16s %-24s %zu\n", edb_model_param_name(m, i), shape, param_size(m, i));
    total += param_size(m, i);
  }
  printf("# %zu parameter%s", total, PLURAL(total));
  for (uint32_t i = 0; i < edb_model_vocab_count(m); i++)
    printf("%s %s: %u word%s", i ? "," : "; vocabularies", edb_model_vocab_name(m, i),
           edb_model_vocab_size(m, i), PLURAL(edb_model_vocab_size(m, i)));
  printf("%s\n# type            FLOPs of one call\n",
         edb_model_vocab_count(m) ? " (they grow with the data)" : "");
  for (uint32_t i = 0; i < edb_model_cell_count(m); i++)
    printf("# %-15s %.0f\n", edb_model_cell_name(m, i), edb_model_cell_flops(m, i));
}

static int inspect_model(workplace *w, const char *path) {
  char *text = NULL;
  int failed = workplace_open_model(w, path);
  if (failed) return failed;
  if (edb_data_check_model(w->model, &w->error) != EDB_OK) return workplace_failed(w);
  if (edb_model_print(w->model, &text, &w->error) != EDB_OK) return workplace_failed(w);
  if (has_option(w->options, OPTION_JSON)) {
    output_json(model_json(w->model), JSON_INDENT(2));
  } else {
    print_model(w->model, text);
  }
  edb_string_destroy(w->ctx, text);
  return 0;
}

/* ---- Weights ------------------------------------------------------------------------------------
 */

static void print_weights(const json_t *object) {
  size_t i, total = 0;
  json_t *tensor, *value;
  const char *key;
  printf("%-16s %-6s %s\n", "tensor", "dtype", "shape");
  json_array_foreach(json_object_get(object, "tensors"), i, tensor) {
    size_t d, size = 1;
    json_t *dim;
    printf("%-16s %-6s ", json_string_value(json_object_get(tensor, "name")),
           json_string_value(json_object_get(tensor, "dtype")));
    json_array_foreach(json_object_get(tensor, "shape"), d, dim) {
      printf("%s%lld", d ? " x " : "", (long long)json_integer_value(dim));
      size *= (size_t)json_integer_value(dim);
    }
    printf("\n");
    total += size;
  }
  printf("%zu parameter%s in %zu tensor%s\n", total, PLURAL(total), i, PLURAL(i));
  json_object_foreach(json_object_get(object, "metadata"), key, value) {
    const char *text = json_string_value(value);
    printf("%s = %.60s%s\n", key, text, strlen(text) > 60 ? "..." : "");
  }
}

static int inspect_weights(workplace *w, const char *path) {
  char *text;
  if (edb_weights_describe(w->ctx, path, &text, &w->error) != EDB_OK) return workplace_failed(w);
  if (has_option(w->options, OPTION_JSON)) {
    puts(text);
  } else {
    json_t *object = json_loads(text, 0, NULL);
    if (object) print_weights(object);
    json_decref(object);
  }
  edb_string_destroy(w->ctx, text);
  return 0;
}

/* ---- Policies -----------------------------------------------------------------------------------
 */

static const char *string_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "?";
}

/* The words of a list, each marked if it is in the other. */
static void print_ready(const json_t *ready, const json_t *marked) {
  size_t i, k;
  json_t *type, *other;
  json_array_foreach(ready, i, type) {
    bool mark = false;
    json_array_foreach(marked, k, other) mark = mark || json_equal(type, other);
    printf(" %s%s", json_is_string(type) ? json_string_value(type) : "?", mark ? "*" : "");
  }
}

static void print_states(const json_t *states) {
  size_t i;
  json_t *state;
  if (json_array_size(states) == 0) {
    printf("0 states: the rule decides alone (docs/policy-file.md)\n");
    return;
  }
  printf("%zu state%s: ready types (*: its batch lowers the bound) -> the type that runs\n",
         json_array_size(states), PLURAL(json_array_size(states)));
  json_array_foreach(states, i, state) {
    const char *run = json_string_value(json_object_get(state, "run"));
    const char *most = json_string_value(json_object_get(state, "most"));
    printf(" ");
    print_ready(json_object_get(state, "ready"), json_object_get(state, "tight"));
    if (most) printf(", most of %s", most);
    printf(" -> %s\n", run ? run : "as the rule says");
  }
}

static void print_policy(const json_t *policy) {
  size_t i;
  json_t *item;
  printf("policy, version %lld, granularity %s, encoding %s\n",
         (long long)json_integer_value(json_object_get(policy, "edbatch-policy")),
         string_of(policy, "granularity"), string_of(policy, "encoding"));
  size_t n_types = json_array_size(json_object_get(policy, "types"));
  printf("%zu type%s\n", n_types, PLURAL(n_types));
  json_array_foreach(json_object_get(policy, "types"), i, item) {
    const json_t *name = json_is_object(item) ? json_object_get(item, "name") : item;
    if (json_is_string(name))
      printf("  %s\n", json_string_value(name));
    else
      printf("  %lld\n", (long long)json_integer_value(name));
  }
  print_states(json_object_get(policy, "states"));
}

/* ---- Costs --------------------------------------------------------------------------------------
 */

static void print_cost(const char *name, const json_t *cost) {
  printf("%-40s %12.1f %12.2f\n", name, json_number_value(json_object_get(cost, "batch_ns")),
         json_number_value(json_object_get(cost, "node_ns")));
}

static void print_costs(const json_t *costs) {
  size_t i;
  json_t *type;
  printf("costs, version %lld, granularity %s\n",
         (long long)json_integer_value(json_object_get(costs, "edbatch-costs")),
         string_of(costs, "granularity"));
  printf("%-40s %12s %12s\n", "type", "ns per batch", "ns per node");
  json_array_foreach(json_object_get(costs, "types"), i, type)
      print_cost(string_of(type, "name"), type);
  print_cost("a mini-batch, besides", json_object_get(costs, "mini_batch"));
}

/* ---- JSON: policies and costs -------------------------------------------------------------------
 */

static int inspect_json(workplace *w, const char *path) {
  json_error_t e;
  json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
  bool policy = json_is_integer(json_object_get(object, "edbatch-policy"));
  bool costs = json_is_integer(json_object_get(object, "edbatch-costs"));
  int code = 0;
  if (!object) {
    snprintf(w->error.text, sizeof w->error.text, "%s:%d:%d: %s", path, e.line, e.column, e.text);
    code = workplace_failed(w);
  } else if (!policy && !costs) {
    snprintf(w->error.text, sizeof w->error.text,
             "%s is JSON, but neither a policy nor costs: it has no \"edbatch-policy\" and no "
             "\"edbatch-costs\"",
             path);
    code = workplace_failed(w);
  } else if (has_option(w->options, OPTION_JSON)) {
    output_json(json_incref(object), JSON_INDENT(2));
  } else if (policy) {
    print_policy(object);
  } else {
    print_costs(object);
  }
  json_decref(object);
  return code;
}

/* ---- The command --------------------------------------------------------------------------------
 */

/* By the first bytes: JSON is a policy or costs, a length and then JSON are weights, text is a
 * model. */
static int inspect_any(workplace *w, const char *path) {
  unsigned char head[9] = {0};
  FILE *file = fopen(path, "rb");
  size_t n = file ? fread(head, 1, sizeof head, file) : 0;
  if (file) fclose(file);
  if (n == 9 && head[8] == '{' && (head[6] == 0 || head[7] == 0)) return inspect_weights(w, path);
  if (n > 0 && head[0] == '{') return inspect_json(w, path);
  return inspect_model(w, path);
}

static int run_inspect(const options *o) {
  workplace w;
  if (o->n_positional != 1)
    return usage_error(&command_inspect, "needs one FILE, found %u", o->n_positional);
  int code = workplace_open_context(&w, &command_inspect, o, EDB_SIMD_AUTO);
  if (!code) code = inspect_any(&w, o->positional[0]);
  workplace_close(&w);
  return code;
}

const command command_inspect = {
    .name = "inspect",
    .summary = "shows a model, weights, a policy or costs",
    .usage = "inspect FILE",
    .details =
        "Of a model: its canonical text, parameters, types and their FLOPs; of weights: tensors "
        "and\n"
        "metadata; of a policy: types and states; of costs: nanoseconds by type. The kind of the\n"
        "file is found by its content.",
    .example = "  edbatch inspect models/tree_lstm.edb",
    .accepts = accepts,
    .run = run_inspect,
};
