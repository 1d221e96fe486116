/* policy/policy_file.c: writes an FSM as text; docs/policy-file.md is the reference of the format.
 *
 * Types stand in the order of their names and states in the order of their types, one per line, so
 * that two versions of a policy can be compared line by line. */
#include "base/json.h"
#include "policy/fsm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_types(edb_json_writer *w, const edb_fsm *fsm) {
  edb_json_key(w, "types");
  edb_json_begin(w, '[');
  for (uint32_t i = 0; i < fsm->n_types; i++) {
    edb_json_begin(w, '{');
    edb_json_inline(w, true);
    edb_json_key(w, "name");
    edb_json_cstring(w, fsm->types[i].name);
    if (fsm->granularity != EDB_FSM_RAW) {
      edb_json_key(w, "key");
      edb_json_cstring(w, fsm->types[i].key);
    }
    edb_json_end(w, '}');
    edb_json_inline(w, false);
  }
  edb_json_end(w, ']');
}

static void print_flagged(edb_json_writer *w, const edb_fsm *fsm, const edb_token *tokens,
                          uint32_t count) {
  bool list = fsm->encoding == EDB_ENCODING_TIGHT || edb_encoding_leads(fsm->encoding);
  if (list) {
    edb_json_key(w, "tight");
    edb_json_begin(w, '[');
  }
  for (uint32_t i = 0; i < count; i++) {
    if (!edb_token_flag(tokens[i])) continue;
    if (fsm->encoding == EDB_ENCODING_MAX) edb_json_key(w, "most");
    edb_json_cstring(w, fsm->types[edb_token_type(tokens[i])].name);
  }
  if (list) edb_json_end(w, ']');
}

static void print_state(edb_json_writer *w, const edb_fsm *fsm, uint32_t state, edb_token *tokens) {
  uint32_t run = 0;
  uint32_t count = edb_fsm_state(fsm, state, tokens, &run);
  edb_json_begin(w, '{');
  edb_json_inline(w, true);
  edb_json_key(w, "ready");
  edb_json_begin(w, '[');
  for (uint32_t i = 0; i < count; i++)
    edb_json_cstring(w, fsm->types[edb_token_type(tokens[i])].name);
  edb_json_end(w, ']');
  print_flagged(w, fsm, tokens, count);
  edb_json_key(w, "run");
  if (run == EDB_FSM_RULE)
    edb_json_null(w);
  else
    edb_json_cstring(w, fsm->types[run].name);
  edb_json_end(w, '}');
  edb_json_inline(w, false);
}

static void print_record(edb_json_writer *w, const edb_fsm_record *record) {
  char seed[24];
  if (!record->present) return;
  snprintf(seed, sizeof seed, "%" PRIu64, record->seed);
  edb_json_key(w, "learned");
  edb_json_begin(w, '{');
  edb_json_key(w, "reward");
  edb_json_cstring(w, edb_reward_name(record->reward));
  edb_json_key(w, "teacher");
  edb_json_cstring(w, edb_teacher_name(record->teacher));
  edb_json_key(w, "seed"); /* as text: numbers of 64 bits do not survive every reader of JSON */
  edb_json_cstring(w, seed);
  edb_json_key(w, "episodes");
  edb_json_int(w, record->episodes);
  edb_json_key(w, "graphs");
  edb_json_int(w, record->n_graphs);
  edb_json_key(w, "batches");
  edb_json_int(w, (int64_t)record->batches);
  edb_json_key(w, "bound");
  edb_json_int(w, (int64_t)record->bound);
  edb_json_end(w, '}');
}

static void print_fsm(edb_text *text, const edb_fsm *fsm, const uint32_t *order,
                      edb_token *tokens) {
  edb_json_writer w;
  edb_json_writer_init(&w, text, 2);
  edb_json_begin(&w, '{');
  edb_json_key(&w, "edbatch-policy");
  edb_json_int(&w, EDB_POLICY_FILE_VERSION);
  edb_json_key(&w, "granularity");
  edb_json_cstring(&w, edb_fsm_granularity_name(fsm->granularity));
  edb_json_key(&w, "scope");
  edb_json_cstring(&w, edb_fsm_scope_name(fsm->scope));
  edb_json_key(&w, "encoding");
  edb_json_cstring(&w, edb_encoding_name(fsm->encoding));
  print_types(&w, fsm);
  edb_json_key(&w, "states");
  edb_json_begin(&w, '[');
  for (uint32_t i = 0; i < edb_fsm_state_count(fsm); i++) print_state(&w, fsm, order[i], tokens);
  edb_json_end(&w, ']');
  print_record(&w, &fsm->record);
  edb_json_end(&w, '}');
  edb_text_append(text, "\n", 1);
}

edb_status edb_policy_print(const edb_policy *policy, edb_text *out, edb_error *error) {
  const edb_fsm *fsm = policy->fsm;
  EDB_FAIL_IF(policy->kind != EDB_POLICY_FSM, error, EDB_ERROR_ARGUMENT,
              "policy \"%s\" has nothing to print: only learned policies (fsm) have a file",
              edb_policy_kind_name(policy->kind));
  size_t bytes = ((size_t)edb_fsm_state_count(fsm) + fsm->n_types + 1) * sizeof(uint32_t);
  uint32_t *scratch = edb_alloc(policy->ctx, bytes);
  if (scratch == NULL) return edb_fail_memory(error, bytes, "printing a policy");
  edb_token *tokens = scratch;
  uint32_t *order = scratch + fsm->n_types;
  edb_fsm_order(fsm, order);
  print_fsm(out, fsm, order, tokens);
  edb_free(policy->ctx, scratch, bytes);
  if (out->failed) return edb_fail_memory(error, out->length, "the text of a policy");
  return EDB_OK;
}

edb_status edb_policy_save(const edb_policy *policy, const char *path, edb_error *error) {
  EDB_REQUIRE(error, policy, path);
  edb_text text;
  edb_text_init(&text, policy->ctx);
  edb_status status = edb_policy_print(policy, &text, error);
  if (status == EDB_OK) status = edb_file_write(path, text.data, text.length, error);
  edb_text_free(&text);
  return status;
}
