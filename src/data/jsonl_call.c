/* data/jsonl_call.c: from a node of a JSON line to a call of its cell. */
#include <string.h>

#include "data/jsonl.h"

static const edb_type_sig *sig_of(const edb_jsonl *l, const edb_jsonl_node *node) {
  return &l->reader->schema->types[node->cell];
}

/* ---- Inputs ------------------------------------------------------------------------------- */

/* The input that an argument names becomes its share. */
static edb_status share_named(edb_jsonl *l, const edb_type_sig *sig, const edb_jsonl_arg *arg,
                              edb_bind_arg *share, edb_error *error) {
  edb_place place = edb_jsonl_place(l, arg->column);
  const char *name = edb_jsonl_text(l, arg->name);
  uint32_t lane[2] = {0, 0};
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    bool variadic = sig->inputs[i].variadic;
    uint32_t position = lane[variadic]++;
    if (strcmp(sig->inputs[i].name, name) != 0) continue;
    if (share->group && !variadic) {
      return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                         "found an array for input \"%s\" of cell \"%s\", which is not variadic: "
                         "expected one reference",
                         name, sig->name);
    }
    share->variadic = variadic;
    share->first = position;
    share->count = 1;
    return EDB_OK;
  }
  edb_name_list names = edb_bind_input_names(sig);
  return edb_fail_at(error, EDB_ERROR_NAME, place.file, place.line, place.column,
                     "cell \"%s\" has no input \"%.64s\"; its inputs are: %s", sig->name, name,
                     names.count > 0 ? names.text : "none");
}

/* Of inputs by name nothing is implied but the empty variadic input. */
static edb_status check_named_all(const edb_jsonl *l, const edb_jsonl_node *node,
                                  edb_error *error) {
  const edb_type_sig *sig = sig_of(l, node);
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    bool found = sig->inputs[i].variadic; /* one that is not named is empty */
    for (uint32_t a = 0; a < node->n_args && !found; a++) {
      found = edb_bind_position(sig, &l->shares.data[a], i) != EDB_BIND_NONE;
    }
    if (found) continue;
    edb_place place = edb_jsonl_place(l, node->column);
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "input \"%s\" of cell \"%s\" is missing", sig->inputs[i].name, sig->name);
  }
  return EDB_OK;
}

/* Decides which arguments feed which inputs, into `shares`. */
static edb_status share_inputs(edb_jsonl *l, const edb_jsonl_node *node, edb_error *error) {
  const edb_type_sig *sig = sig_of(l, node);
  if (!edb_vec_reserve(l->ctx, &l->shares, node->n_args)) {
    return edb_fail_memory(error, node->n_args * sizeof *l->shares.data, "the inputs of a call");
  }
  for (uint32_t i = 0; i < node->n_args; i++) {
    const edb_jsonl_arg *arg = &l->args.data[node->first_arg + i];
    l->shares.data[i] = arg->share;
    if (node->by_name) EDB_TRY(share_named(l, sig, arg, &l->shares.data[i], error));
  }
  if (node->by_name) return check_named_all(l, node, error);
  return edb_bind_share(sig, l->shares.data, node->n_args, edb_jsonl_place(l, node->column), error);
}

/* The output a reference means. By name of the input, position says nothing: it must be the output
 * of that name, or the only one. */
static edb_status choose_output(const edb_jsonl *l, const edb_jsonl_node *node, uint32_t input,
                                uint32_t position, const edb_jsonl_ref *ref, uint32_t *output,
                                edb_error *error) {
  const edb_type_sig *sig = sig_of(l, node);
  const edb_type_sig *producer = sig_of(l, &l->nodes.data[ref->node]);
  edb_place place = edb_jsonl_place(l, ref->column);
  bool qualified = ref->output != EDB_JSONL_NO_TEXT;
  if (node->by_name) position = producer->n_outputs == 1 ? 0 : EDB_BIND_NONE;
  *output = qualified ? edb_bind_output_named(producer, edb_jsonl_text(l, ref->output))
                      : edb_bind_output(&sig->inputs[input], position, producer);
  if (*output != EDB_BIND_NONE) {
    return edb_bind_check(l->reader->program, sig, input, producer, *output, place, error);
  }
  edb_name_list names = edb_bind_output_names(producer);
  return edb_fail_at(
      error, EDB_ERROR_NAME, place.file, place.line, place.column,
      "node %lld is a call of cell \"%s\", which has no output %s\"%.64s\"; it has: %s",
      (long long)ref->node, producer->name, qualified ? "" : "for input ",
      qualified ? edb_jsonl_text(l, ref->output) : sig->inputs[input].name,
      names.count > 0 ? names.text : "none");
}

/* All values of one input, in the order of the arguments that feed it. */
static edb_status push_input(edb_jsonl *l, const edb_jsonl_node *node, uint32_t input,
                             edb_error *error) {
  const edb_type_sig *sig = sig_of(l, node);
  for (uint32_t a = 0; a < node->n_args; a++) {
    const edb_jsonl_arg *arg = &l->args.data[node->first_arg + a];
    uint32_t position = edb_bind_position(sig, &l->shares.data[a], input);
    if (position == EDB_BIND_NONE) continue;
    for (uint32_t r = 0; r < arg->n_refs; r++) {
      const edb_jsonl_ref *ref = &l->refs.data[arg->first_ref + r];
      edb_value value = {l->position.data[ref->node], 0};
      EDB_TRY(choose_output(l, node, input, position, ref, &value.output, error));
      if (!edb_vec_push(l->ctx, &l->values, value)) {
        return edb_fail_memory(error, sizeof value, "the inputs of a call");
      }
    }
  }
  return EDB_OK;
}

/* Values in the order of the cell's inputs; those of a variadic input stand together and are
 * counted. */
static edb_status push_inputs(edb_jsonl *l, const edb_jsonl_node *node, edb_error *error) {
  const edb_type_sig *sig = sig_of(l, node);
  l->values.length = l->arities.length = 0;
  for (uint32_t i = 0; i < sig->n_inputs; i++) {
    size_t before = l->values.length;
    EDB_TRY(push_input(l, node, i, error));
    if (!sig->inputs[i].variadic) continue;
    l->arities.data[l->arities.length++] = (uint32_t)(l->values.length - before);
  }
  return EDB_OK;
}

/* ---- Attributes --------------------------------------------------------------------------- */

/* The attribute of this name, or NULL when it is missing. */
static const edb_jsonl_attribute *find_attribute(const edb_jsonl *l, const edb_jsonl_node *node,
                                                 const char *name, uint32_t *found) {
  for (uint32_t i = 0; i < node->n_attributes; i++) {
    const edb_jsonl_attribute *attribute = &l->attributes.data[node->first_attribute + i];
    if (strcmp(edb_jsonl_text(l, attribute->key), name) != 0) continue;
    ++*found;
    return attribute;
  }
  return NULL;
}

/* The first key that is no attribute of the cell; EDB_OK if there is none. */
static edb_status fail_unknown(const edb_jsonl *l, const edb_jsonl_node *node, edb_error *error) {
  const edb_type_sig *sig = sig_of(l, node);
  edb_name_list names = {.count = 0};
  edb_name_list_add(&names, "cell");
  edb_name_list_add(&names, "inputs");
  for (uint32_t i = 0; i < sig->n_indices; i++) edb_name_list_add(&names, sig->indices[i].name);
  for (uint32_t i = 0; i < sig->n_dense; i++) edb_name_list_add(&names, sig->dense[i].name);
  for (uint32_t i = 0; i < node->n_attributes; i++) {
    const edb_jsonl_attribute *attribute = &l->attributes.data[node->first_attribute + i];
    const char *key = edb_jsonl_text(l, attribute->key);
    bool known = false;
    for (uint32_t k = 0; k < sig->n_indices; k++) known |= !strcmp(sig->indices[k].name, key);
    for (uint32_t k = 0; k < sig->n_dense; k++) known |= !strcmp(sig->dense[k].name, key);
    if (known) continue;
    edb_place place = edb_jsonl_place(l, attribute->key_column);
    return edb_fail_at(error, EDB_ERROR_NAME, place.file, place.line, place.column,
                       "found the key \"%.64s\" in a call of cell \"%s\", expected one of: %s", key,
                       sig->name, names.text);
  }
  return EDB_OK;
}

static edb_status push_attributes(edb_jsonl *l, const edb_jsonl_node *node, uint32_t *found,
                                  edb_error *error) {
  const edb_type_sig *sig = sig_of(l, node);
  edb_place place = edb_jsonl_place(l, node->column);
  for (uint32_t k = 0; k < sig->n_indices; k++) {
    const edb_jsonl_attribute *given = find_attribute(l, node, sig->indices[k].name, found);
    EDB_TRY(edb_jsonl_index(l, node->cell, k, given, place, &l->indices.data[k], error));
  }
  for (uint32_t k = 0; k < sig->n_dense; k++) {
    const edb_jsonl_attribute *given = find_attribute(l, node, sig->dense[k].name, found);
    EDB_TRY(edb_jsonl_dense(l, node->cell, k, given, place, &l->dense.data[k], error));
  }
  return EDB_OK;
}

/* A key that is none of the cell's says more than the attribute that is missing for it. */
static edb_status read_attributes(edb_jsonl *l, const edb_jsonl_node *node, edb_error *error) {
  uint32_t found = 0;
  edb_status status = push_attributes(l, node, &found, error);
  bool doubtful = status == EDB_OK ? found < node->n_attributes : status != EDB_ERROR_MEMORY;
  if (doubtful) EDB_TRY(fail_unknown(l, node, error));
  return status;
}

edb_status edb_jsonl_call(edb_jsonl *l, uint32_t i, edb_error *error) {
  const edb_jsonl_node *node = &l->nodes.data[i];
  edb_node called = 0;
  EDB_TRY(share_inputs(l, node, error));
  EDB_TRY(push_inputs(l, node, error));
  EDB_TRY(read_attributes(l, node, error));
  edb_call call = {.cell = node->cell,
                   .inputs = l->values.data,
                   .n_inputs = (uint32_t)l->values.length,
                   .arities = l->arities.data,
                   .indices = l->indices.data,
                   .dense = l->dense.data};
  return edb_reader_call(l->reader, &call, edb_jsonl_place(l, node->column), &called, error);
}
