/* policy/policy.c: the policy object and the names of policies. */
#include "policy/policy.h"

#include <string.h>

#include "policy/fsm.h"

static const char *const kind_names[] = {
#define NAME(id, name, help) name,
    EDB_POLICY_LIST(NAME)
#undef NAME
};

static const char *const kind_helps[] = {
#define HELP(id, name, help) help,
    EDB_POLICY_LIST(HELP)
#undef HELP
};

static bool is_kind(edb_policy_kind kind) {
  return (unsigned)kind < EDB_POLICY_COUNT;
}

const char *edb_policy_kind_name(edb_policy_kind kind) {
  return is_kind(kind) ? kind_names[kind] : "unknown";
}

const char *edb_policy_kind_help(edb_policy_kind kind) {
  return is_kind(kind) ? kind_helps[kind] : "no such policy";
}

bool edb_policy_kind_from_name(const char *name, edb_policy_kind *out) {
  for (unsigned i = 0; i < EDB_POLICY_COUNT; i++) {
    if (strcmp(name, kind_names[i]) != 0) continue;
    *out = (edb_policy_kind)i;
    return true;
  }
  return false;
}

edb_status edb_policy_create(edb_context *ctx, edb_policy_kind kind, edb_policy **out,
                             edb_error *error) {
  EDB_FAIL_IF(!is_kind(kind), error, EDB_ERROR_ARGUMENT, "there is no policy %d", (int)kind);
  EDB_FAIL_IF(kind == EDB_POLICY_FSM, error, EDB_ERROR_ARGUMENT,
              "a policy \"fsm\" is learned or loaded, not created");
  edb_policy *policy = edb_alloc(ctx, sizeof *policy);
  if (policy == NULL) return edb_fail_memory(error, sizeof *policy, "a policy");
  *policy = (edb_policy){.ctx = ctx, .kind = kind};
  *out = policy;
  return EDB_OK;
}

edb_status edb_policy_create_best(edb_context *ctx, const edb_policy *fsm, edb_policy **out,
                                  edb_error *error) {
  EDB_FAIL_IF(fsm == NULL || fsm->kind != EDB_POLICY_FSM, error, EDB_ERROR_ARGUMENT,
              "expected a policy \"fsm\", found %s",
              fsm == NULL ? "none" : edb_policy_kind_name(fsm->kind));
  edb_policy *policy = NULL;
  EDB_TRY(edb_policy_create(ctx, EDB_POLICY_BEST, &policy, error));
  edb_status status = edb_fsm_copy(ctx, fsm->fsm, &policy->fsm, error);
  if (status != EDB_OK) {
    edb_policy_destroy(policy);
    return status;
  }
  *out = policy;
  return EDB_OK;
}

void edb_policy_destroy(edb_policy *policy) {
  if (policy == NULL) return;
  edb_fsm_destroy(policy->fsm);
  edb_free(policy->ctx, policy, sizeof *policy);
}

edb_policy_kind edb_policy_get_kind(const edb_policy *policy) {
  return policy->kind;
}

edb_policy_info edb_policy_describe(const edb_policy *policy) {
  edb_policy_info info = {.kind = policy->kind};
  if (policy->fsm != NULL) {
    info.encoding = policy->fsm->encoding;
    info.n_types = policy->fsm->n_types;
    info.n_states = edb_fsm_state_count(policy->fsm);
  }
  return info;
}
