/* policy/policy.c: the policy object and the names of policies. */
#include "policy/policy.h"

#include <string.h>

#include "base/sized.h"
#include "policy/cost.h"

#define DEFAULT_WIDTH   16
#define DEFAULT_BUDGET  150.0
#define DEFAULT_SECONDS 10.0

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

static edb_status check_params(edb_policy_kind kind, const edb_policy_params *p, edb_error *error) {
  EDB_FAIL_IF(!is_kind(kind), error, EDB_ERROR_ARGUMENT, "there is no policy %d", (int)kind);
  EDB_FAIL_IF(kind == EDB_POLICY_FSM, error, EDB_ERROR_ARGUMENT,
              "a policy \"fsm\" is learned or loaded, not created");
  EDB_FAIL_IF(p->width > EDB_MAX_WIDTH, error, EDB_ERROR_ARGUMENT,
              "a beam is at most %d wide, found %u", EDB_MAX_WIDTH, p->width);
  EDB_FAIL_IF(!(p->budget_ns_per_node >= 0 && p->budget_ns_per_node <= EDB_MAX_BUDGET), error,
              EDB_ERROR_ARGUMENT, "a budget is 0 to %g ns per node, found %g", EDB_MAX_BUDGET,
              p->budget_ns_per_node);
  EDB_FAIL_IF(!(p->seconds >= 0 && p->seconds <= EDB_MAX_SECONDS), error, EDB_ERROR_ARGUMENT,
              "a search takes 0 to %g seconds, found %g", EDB_MAX_SECONDS, p->seconds);
  EDB_FAIL_IF(p->fsm != NULL && p->fsm->kind != EDB_POLICY_FSM, error, EDB_ERROR_ARGUMENT,
              "expected a policy \"fsm\", found %s", edb_policy_kind_name(p->fsm->kind));
  EDB_FAIL_IF(p->fsm != NULL && kind != EDB_POLICY_BEST, error, EDB_ERROR_ARGUMENT,
              "the policy \"%s\" takes no fsm", edb_policy_kind_name(kind));
  EDB_FAIL_IF(p->costs != NULL && kind != EDB_POLICY_BEST, error, EDB_ERROR_ARGUMENT,
              "the policy \"%s\" takes no costs", edb_policy_kind_name(kind));
  EDB_FAIL_IF(p->once && p->costs == NULL, error, EDB_ERROR_ARGUMENT,
              "what a search can save (once) is only known with costs");
  return EDB_OK;
}

edb_status edb_policy_create_with(edb_context *ctx, edb_policy_kind kind,
                                  const edb_policy_params *given, edb_policy **out,
                                  edb_error *error) {
  EDB_REQUIRE(error, ctx, out);
  EDB_TAKE_PARAMS(edb_policy_params, params, given, error);
  EDB_TRY(check_params(kind, &params, error));
  edb_policy *policy = edb_alloc(ctx, sizeof *policy);
  if (policy == NULL) return edb_fail_memory(error, sizeof *policy, "a policy");
  *policy = (edb_policy){.ctx = ctx, .kind = kind, .once = params.once};
  policy->width = params.width > 0 ? params.width : DEFAULT_WIDTH;
  policy->budget = params.budget_ns_per_node > 0 ? params.budget_ns_per_node : DEFAULT_BUDGET;
  policy->seconds = params.seconds > 0 ? params.seconds : DEFAULT_SECONDS;
  edb_status status =
      params.fsm == NULL ? EDB_OK : edb_fsm_copy(ctx, params.fsm->fsm, &policy->fsm, error);
  if (status == EDB_OK && params.costs != NULL)
    status = edb_costs_copy(ctx, params.costs, &policy->costs, error);
  if (status != EDB_OK) {
    edb_policy_destroy(policy);
    return status;
  }
  *out = policy;
  return EDB_OK;
}

edb_status edb_policy_create(edb_context *ctx, edb_policy_kind kind, edb_policy **out,
                             edb_error *error) {
  return edb_policy_create_with(ctx, kind, NULL, out, error);
}

edb_status edb_policy_create_best(edb_context *ctx, const edb_policy *fsm, edb_policy **out,
                                  edb_error *error) {
  EDB_REQUIRE(error, ctx, fsm, out);
  edb_policy_params params = EDB_PARAMS(edb_policy_params);
  params.fsm = fsm;
  return edb_policy_create_with(ctx, EDB_POLICY_BEST, &params, out, error);
}

void edb_policy_destroy(edb_policy *policy) {
  if (policy == NULL) return;
  edb_costs_destroy(policy->costs);
  edb_fsm_destroy(policy->fsm);
  edb_free(policy->ctx, policy, sizeof *policy);
}

edb_policy_kind edb_policy_get_kind(const edb_policy *policy) {
  return policy->kind;
}

void edb_policy_learned_into(const edb_policy *policy, edb_learn_report *out, size_t bytes) {
  edb_sized_give(out, bytes, &policy->learned, sizeof policy->learned);
}

void edb_policy_describe_into(const edb_policy *policy, edb_policy_info *out, size_t bytes) {
  edb_policy_info info = {.kind = policy->kind};
  if (policy->fsm != NULL) {
    info.encoding = policy->fsm->encoding;
    info.n_types = policy->fsm->n_types;
    info.n_states = edb_fsm_state_count(policy->fsm);
  }
  edb_sized_give(out, bytes, &info, sizeof info);
}
