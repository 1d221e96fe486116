/* data/bind.c: sharing out the inputs of a cell among the arguments of a call. */
#include "data/bind.h"

#include <string.h>

void edb_name_list_add(edb_name_list *list, const char *name) {
  size_t length = strlen(name);
  bool fits = list->length + length + sizeof ", ..." <= sizeof list->text;
  if (list->full) return;
  if (!fits) {
    name = "...";
    length = 3;
    list->full = true;
  }
  if (list->count++ > 0) {
    memcpy(list->text + list->length, ", ", 2);
    list->length += 2;
  }
  memcpy(list->text + list->length, name, length);
  list->length += length;
  list->text[list->length] = 0;
}

/* ---- Names for error texts ---------------------------------------------------------------- */

edb_name_list edb_bind_input_names(const edb_type_sig *sig) {
  edb_name_list list = {.count = 0};
  for (uint32_t i = 0; i < sig->n_inputs; i++) edb_name_list_add(&list, sig->inputs[i].name);
  return list;
}

edb_name_list edb_bind_output_names(const edb_type_sig *sig) {
  edb_name_list list = {.count = 0};
  for (uint32_t i = 0; i < sig->n_outputs; i++) edb_name_list_add(&list, sig->outputs[i].name);
  return list;
}

/* ---- Shares ------------------------------------------------------------------------------- */

static bool any_group(const edb_bind_arg *args, uint32_t n_args) {
  for (uint32_t i = 0; i < n_args; i++) {
    if (args[i].group) return true;
  }
  return false;
}

/* Says what was found and what the cell takes, in the words of its signature. */
static edb_status fail_share(const edb_type_sig *sig, bool variadic, uint32_t size,
                             uint32_t qualified, uint32_t bare, edb_place place, edb_error *error) {
  edb_name_list names = edb_bind_input_names(sig);
  const char *kind = sig->n_variadic == 0 ? "" : variadic ? "variadic " : "single ";
  if (size == 0) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found %u argument%s for cell \"%s\", which has no %sinputs",
                       qualified + bare, EDB_S(qualified + bare), sig->name, kind);
  }
  if (bare == 0) {
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found %u argument%s for the %u %sinput%s of cell \"%s\" (%s)", qualified,
                       EDB_S(qualified), size, kind, EDB_S(size), sig->name, names.text);
  }
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "the %u %sinputs of cell \"%s\" (%s) cannot be shared evenly: found %u whole "
                     "node%s and %u single output%s",
                     size, kind, sig->name, names.text, bare, EDB_S(bare), qualified,
                     EDB_S(qualified));
}

/* Shares the `size` inputs of one lane (the variadic inputs, or the others) among its arguments. */
static edb_status share_lane(const edb_type_sig *sig, bool variadic, uint32_t size,
                             edb_bind_arg *args, uint32_t n_args, edb_place place,
                             edb_error *error) {
  uint32_t qualified = 0, bare = 0;
  for (uint32_t i = 0; i < n_args; i++) {
    if (args[i].variadic != variadic) continue;
    if (args[i].qualified)
      qualified++;
    else
      bare++;
  }
  if (variadic && qualified + bare == 0) return EDB_OK; /* no elements at all */
  uint32_t left = qualified <= size ? size - qualified : 0;
  bool even = bare == 0 ? left == 0 : left > 0 && left % bare == 0;
  if (qualified > size || !even) {
    return fail_share(sig, variadic, size, qualified, bare, place, error);
  }
  uint32_t next = 0;
  for (uint32_t i = 0; i < n_args; i++) {
    if (args[i].variadic != variadic) continue;
    args[i].first = next;
    args[i].count = args[i].qualified ? 1 : left / bare;
    next += args[i].count;
  }
  return EDB_OK;
}

edb_status edb_bind_share(const edb_type_sig *sig, edb_bind_arg *args, uint32_t n_args,
                          edb_place place, edb_error *error) {
  /* Without groups the bare singles of a cell with variadic inputs are the elements of one group.
   */
  bool singles_are_group = sig->n_variadic > 0 && !any_group(args, n_args);
  for (uint32_t i = 0; i < n_args; i++) {
    bool element = singles_are_group && !args[i].qualified;
    args[i].variadic = args[i].group || element;
    args[i].first = 0;
    args[i].count = element ? sig->n_variadic : 0;
  }
  EDB_TRY(share_lane(sig, false, sig->n_inputs - sig->n_variadic, args, n_args, place, error));
  if (singles_are_group) return EDB_OK;
  return share_lane(sig, true, sig->n_variadic, args, n_args, place, error);
}

/* Inputs count within their lane, because shares do. */
uint32_t edb_bind_position(const edb_type_sig *sig, const edb_bind_arg *arg, uint32_t input) {
  if (sig->inputs[input].variadic != arg->variadic) return EDB_BIND_NONE;
  uint32_t lane = 0;
  for (uint32_t i = 0; i < input; i++) lane += sig->inputs[i].variadic == arg->variadic;
  return lane >= arg->first && lane - arg->first < arg->count ? lane - arg->first : EDB_BIND_NONE;
}

/* ---- Outputs ------------------------------------------------------------------------------ */

/* `name` need not end at `length`. */
static uint32_t output_of_length(const edb_type_sig *producer, const char *name, size_t length) {
  for (uint32_t i = 0; i < producer->n_outputs; i++) {
    const char *output = producer->outputs[i].name;
    if (strncmp(output, name, length) == 0 && output[length] == 0) return i;
  }
  return EDB_BIND_NONE;
}

uint32_t edb_bind_output_named(const edb_type_sig *producer, const char *name) {
  return output_of_length(producer, name, strlen(name));
}

uint32_t edb_bind_output(const edb_input_sig *input, uint32_t position,
                         const edb_type_sig *producer) {
  /* A share wider than the node has outputs would give one of them twice: an argument is missing.
   */
  if (position != EDB_BIND_NONE && position >= producer->n_outputs) return EDB_BIND_NONE;
  size_t length = strlen(input->name), stem = length;
  while (stem > 0 && strchr("0123456789_", input->name[stem - 1])) stem--;
  uint32_t output = output_of_length(producer, input->name, length);
  if (output == EDB_BIND_NONE && stem > 0) output = output_of_length(producer, input->name, stem);
  return output == EDB_BIND_NONE ? position : output;
}

edb_status edb_bind_check(const edb_program *program, const edb_type_sig *sig, uint32_t input,
                          const edb_type_sig *producer, uint32_t output, edb_place place,
                          edb_error *error) {
  edb_shape_id wanted = sig->inputs[input].shape, found = producer->outputs[output].shape;
  if (wanted == found) return EDB_OK;
  char wanted_text[EDB_SHAPE_TEXT_BYTES], found_text[EDB_SHAPE_TEXT_BYTES];
  return edb_fail_at(
      error, EDB_ERROR_SHAPE, place.file, place.line, place.column,
      "input \"%s\" of cell \"%s\" has the shape %s, but output \"%s\" of cell \"%s\" has %s",
      sig->inputs[input].name, sig->name,
      edb_shape_text(program->schema.shapes[wanted], wanted_text, sizeof wanted_text),
      producer->outputs[output].name, producer->name,
      edb_shape_text(program->schema.shapes[found], found_text, sizeof found_text));
}
