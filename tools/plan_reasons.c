/* tools/plan_reasons.c: why a plan copies what it copies, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "plan.h"

typedef struct reason_text {
  const char *word; /* for --json */
  const char *text; /* %s: the kernel */
} reason_text;

static const reason_text reason_texts[] = {
    [EDB_COPY_BESIDE] = {"beside", "%s takes it in one piece with values of the cell"},
    [EDB_COPY_INPUTS] = {"inputs",
                         "%s takes it in one piece with other inputs; where placement is direct it "
                         "is stored there at once"},
    [EDB_COPY_UNEVEN] = {"uneven",
                         "where its rows are not evenly spaced; %s takes no rows through pointers"},
    [EDB_COPY_READERS] =
        {"readers", "where its rows are not evenly spaced; %s and others read it, and not all "
                    "of them can take rows through pointers"},
    [EDB_COPY_ATTRIBUTE] = {"attribute", "graphs keep attributes node by node"},
    [EDB_COPY_PASSED_ON] = {"passed_on", "the output is what the cell is given, or a part of it"},
    [EDB_COPY_PARAMETER] = {"parameter", "parameters have one row, and every row wants them"},
    [EDB_COPY_AGAIN] = {"again", "another output has this value, or is made of it"},
    [EDB_COPY_INSIDE] = {"inside", "%s has it in one piece with other values"},
    [EDB_COPY_EACH] = {"each", "it is a node's, and each of its elements has to have it"},
    [EDB_COPY_REPEATED] = {"repeated", "the concat has it twice"},
    [EDB_COPY_PART] = {"part", "it is a part of a value, and stands there"},
    [EDB_COPY_ANEW] = {"anew",
                       "other operands of the concat have to be copied, so it is made anew"},
    [EDB_COPY_RIVALS] = {"rivals", "no order of memory has this concat in place together with"},
    [EDB_COPY_SEARCH] = {"search", "no order was found: the search for one has a limit"},
    [EDB_COPY_CREATED] = {"created",
                          "in the order of creation, which needs less here, %s finds or makes it "
                          "elsewhere"},
};

#define TEXT_BYTES 1024

/* Text that grows to the right and is cut where the buffer ends. */
typedef struct line {
  char text[TEXT_BYTES];
  size_t length;
} line;

static __attribute__((format(printf, 2, 3))) void write_text(line *l, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(l->text + l->length, TEXT_BYTES - l->length, format, args);
  va_end(args);
  if (n > 0) l->length += (size_t)n;
  if (l->length >= TEXT_BYTES) l->length = TEXT_BYTES - 1;
}

static uint32_t kernel_number(const edb_plan *plan, uint32_t step) {
  uint32_t number = 0;
  for (uint32_t i = 0; i <= step; i++) number += !plan->steps[i].joined;
  return number;
}

static void name_op(const edb_plan *plan, uint32_t op, char *buffer) {
  plan_value_name(plan->program, plan->cell, (edb_ref){EDB_REF_OP, op}, buffer);
}

/* ---- Rivals ---------------------------------------------------------------------------------- */

static const char *const rival_words[] = {[EDB_RIVAL_CONCAT] = "concat",
                                          [EDB_RIVAL_RESULTS] = "results",
                                          [EDB_RIVAL_OPERANDS] = "operands"};

/* `concat e (x, h; 512 bytes)`, `operands of the kernel of i (a, b; 512 bytes)`. */
static void write_rival(line *l, const edb_plan *plan, const edb_rivals *all, const edb_rival *r) {
  char name[PLAN_NAME_BYTES];
  name_op(plan, r->op, name);
  write_text(l, r->kind == EDB_RIVAL_CONCAT ? "%s %s (" : "the %s of the kernel that makes %s (",
             rival_words[r->kind], name);
  for (size_t i = 0; i < r->n_values; i++) {
    plan_value_name(plan->program, plan->cell, all->values.data[r->start + i], name);
    write_text(l, "%s%s", i ? ", " : "", name);
  }
  write_text(l, "; %zu bytes)", r->bytes);
}

static json_t *rival_json(const edb_plan *plan, const edb_rivals *all, const edb_rival *r) {
  char name[PLAN_NAME_BYTES];
  json_t *values = json_array();
  for (size_t i = 0; i < r->n_values; i++)
    json_array_append_new(values,
                          json_string(plan_value_name(plan->program, plan->cell,
                                                      all->values.data[r->start + i], name)));
  name_op(plan, r->op, name);
  return json_pack("{s:s, s:s, s:I, s:o}", "kind", rival_words[r->kind], "of", name, "bytes",
                   (json_int_t)r->bytes, "values", values);
}

/* ---- One copy -------------------------------------------------------------------------------- */

/* As the counters have it. */
static const char *counted_as(const edb_plan *plan, const edb_copied *c) {
  if (c->step == EDB_COPY_NOTHING || plan->steps[c->step].kind == EDB_STEP_GATHER)
    return "input_gathers";
  uint32_t from = plan->steps[c->step].operand[0];
  if (plan->slots[edb_plan_root(plan, from, NULL)].kind == EDB_SLOT_INPUT) return "input_gathers";
  return plan->slots[from].domain == EDB_DOMAIN_STATIC ? "kernels" : "gathers";
}

static bool is_of_elements(const edb_plan *plan, const edb_copied *c) {
  uint32_t domain = c->step != EDB_COPY_NOTHING
                        ? plan->steps[c->step].domain
                        : plan->slots[plan->input_slot[c->value.index]].domain;
  return domain >= EDB_DOMAIN_GROUP;
}

static void name_value(const edb_plan *plan, const edb_copied *c, char *buffer) {
  snprintf(buffer, PLAN_NAME_BYTES, "a value");
  if (c->is_known) plan_value_name(plan->program, plan->cell, c->value, buffer);
}

/* Where it goes; "" if nowhere in particular. */
static void write_target(line *l, const edb_plan *plan, const edb_copied *c) {
  char name[PLAN_NAME_BYTES];
  if (c->output != EDB_COPY_NOTHING) {
    write_text(l, "output %s", plan->cell->outputs[c->output].name);
  } else if (c->concat != EDB_COPY_NOTHING) {
    name_op(plan, c->concat, name);
    write_text(l, "concat %s", name);
  }
}

static void write_reason(line *l, const edb_plan *plan, const edb_plan_reasons *all,
                         const edb_copied *c) {
  char kernel[PLAN_NAME_BYTES] = "a kernel";
  if (c->kernel != EDB_COPY_NOTHING)
    snprintf(kernel, sizeof kernel, "kernel %u (%s)", kernel_number(plan, c->kernel),
             plan_kernel_name(plan, &plan->steps[c->kernel]));
  const char *text = reason_texts[c->reason].text;
  for (const char *at = text; *at; at++) {
    if (*at != '%') {
      write_text(l, "%c", *at);
      continue;
    }
    write_text(l, "%s", kernel);
    at++;
  }
  for (size_t i = 0; i < c->n_rivals; i++) {
    write_text(l, i ? ", " : " ");
    write_rival(l, plan, &all->rivals, &all->rivals.list.data[c->first_rival + i]);
  }
}

void plan_print_reasons(const edb_plan *plan, const edb_plan_reasons *reasons) {
  for (size_t i = 0; i < reasons->copies.length; i++) {
    const edb_copied *c = &reasons->copies.data[i];
    char name[PLAN_NAME_BYTES];
    line target = {.length = 0}, reason = {.length = 0};
    name_value(plan, c, name);
    write_target(&target, plan, c);
    write_reason(&reason, plan, reasons, c);
    printf("  %s: %s (%zu bytes per %s)%s%s: %s\n",
           c->step == EDB_COPY_NOTHING ? "may be gathered" : "copied", name, c->bytes,
           is_of_elements(plan, c) ? "element" : "node", target.length ? " to " : "", target.text,
           reason.text);
  }
}

json_t *plan_reasons_json(const edb_plan *plan, const edb_plan_reasons *reasons) {
  json_t *list = json_array();
  for (size_t i = 0; i < reasons->copies.length; i++) {
    const edb_copied *c = &reasons->copies.data[i];
    char name[PLAN_NAME_BYTES];
    line target = {.length = 0}, reason = {.length = 0};
    json_t *rivals = json_array();
    name_value(plan, c, name);
    write_target(&target, plan, c);
    write_reason(&reason, plan, reasons, c);
    for (size_t k = 0; k < c->n_rivals; k++)
      json_array_append_new(rivals, rival_json(plan, &reasons->rivals,
                                               &reasons->rivals.list.data[c->first_rival + k]));
    json_array_append_new(
        list, json_pack("{s:s, s:I, s:s, s:s, s:b, s:s, s:s, s:s, s:o}", "value", name, "bytes",
                        (json_int_t)c->bytes, "per", is_of_elements(plan, c) ? "element" : "node",
                        "to", target.text, "always", c->step != EDB_COPY_NOTHING, "counted_as",
                        counted_as(plan, c), "reason", reason_texts[c->reason].word, "text",
                        reason.text, "rivals", rivals));
  }
  return list;
}
