/* policy/fsm.c: the table from states to types, and its binding to the types of one problem. */
#include "policy/fsm.h"

#include "policy/sorting.h"

#include <stdio.h>
#include <string.h>

#define ARENA_CHUNK_BYTES 4096

const char *edb_fsm_granularity_name(edb_fsm_granularity granularity) {
  static const char *const names[] = {"raw", "cell", "op"};
  return (unsigned)granularity < EDB_FSM_GRANULARITY_COUNT ? names[granularity] : "unknown";
}

const char *edb_fsm_scope_name(edb_fsm_scope scope) {
  static const char *const names[] = {"component", "graph"};
  return (unsigned)scope < EDB_FSM_SCOPE_COUNT ? names[scope] : "unknown";
}

/* ---- Orders --------------------------------------------------------------- */

static bool name_less(const void *user, uint32_t a, uint32_t b) {
  const edb_fsm_type *types = user;
  return strcmp(types[a].name, types[b].name) < 0;
}

/* Token by token; the key's bytes are not aligned. */
static bool state_less(const void *user, uint32_t a, uint32_t b) {
  const edb_fsm *fsm = user;
  const edb_map_entry *ea = &fsm->states.entries[a], *eb = &fsm->states.entries[b];
  const char *ka = edb_map_key(&fsm->states, a), *kb = edb_map_key(&fsm->states, b);
  uint32_t shorter = ea->key_length < eb->key_length ? ea->key_length : eb->key_length;
  for (uint32_t i = 0; i < shorter; i += sizeof(edb_token)) {
    edb_token ta, tb;
    memcpy(&ta, ka + i, sizeof ta);
    memcpy(&tb, kb + i, sizeof tb);
    if (ta != tb) return ta < tb;
  }
  return ea->key_length < eb->key_length;
}

void edb_fsm_order(const edb_fsm *fsm, uint32_t *order) {
  uint32_t n = edb_fsm_state_count(fsm);
  for (uint32_t i = 0; i < n; i++) order[i] = i;
  edb_sort(order, n, state_less, fsm);
}

/* ---- Making ------------------------------------------------------------- */

void edb_fsm_destroy(edb_fsm *fsm) {
  if (fsm == NULL) return;
  edb_context *ctx = fsm->ctx;
  edb_map_free(&fsm->states);
  edb_map_free(&fsm->names);
  edb_arena_free(&fsm->arena);
  edb_free(ctx, fsm, sizeof *fsm);
}

/* Room for n types; none is named yet. */
static edb_status fsm_new(edb_context *ctx, uint32_t n_types, edb_fsm **out, edb_error *error) {
  EDB_FAIL_IF(n_types >= UINT32_MAX / 2, error, EDB_ERROR_LIMIT,
              "%u types: a policy has at most %u", n_types, UINT32_MAX / 2 - 1);
  edb_fsm *fsm = edb_alloc_zero(ctx, sizeof *fsm);
  if (fsm == NULL) return edb_fail_memory(error, sizeof *fsm, "a policy");
  fsm->ctx = ctx;
  edb_map_init(&fsm->states, ctx);
  edb_map_init(&fsm->names, ctx);
  edb_arena_init(&fsm->arena, ctx, ARENA_CHUNK_BYTES);
  size_t bytes = (size_t)n_types * sizeof *fsm->types;
  fsm->types = edb_arena_alloc_zero(&fsm->arena, bytes + 1);
  fsm->from_schema = edb_arena_alloc_zero(&fsm->arena, (size_t)n_types * sizeof(uint32_t) + 1);
  if (fsm->types == NULL || fsm->from_schema == NULL) {
    edb_fsm_destroy(fsm);
    return edb_fail_memory(error, bytes, "the types of a policy");
  }
  fsm->n_types = n_types;
  *out = fsm;
  return EDB_OK;
}

static edb_status set_type(edb_fsm *fsm, uint32_t type, const char *name, const char *key,
                           uint32_t source, edb_error *error) {
  edb_fsm_type *t = &fsm->types[type];
  t->source = source;
  t->name = edb_arena_strdup(&fsm->arena, name, strlen(name));
  t->key = edb_arena_strdup(&fsm->arena, key, strlen(key));
  if (t->name == NULL || t->key == NULL)
    return edb_fail_memory(error, strlen(name) + strlen(key) + 2, "a type of a policy");
  return EDB_OK;
}

/* Finds a name that no earlier type of the schema has: "x", "x#2", "x#3", ... */
static edb_status set_unique_type(edb_fsm *fsm, uint32_t type, const edb_type_sig *sig,
                                  edb_error *error) {
  char label[512];
  const char *name = sig->name;
  for (uint32_t k = 2; edb_fsm_find_type(fsm, name, strlen(name)) != UINT32_MAX; k++) {
    int length = snprintf(label, sizeof label, "%s#%u", sig->name, k);
    EDB_FAIL_IF(length < 0 || (size_t)length >= sizeof label, error, EDB_ERROR_LIMIT,
                "the name of a repeated type is longer than %zu bytes: %.60s...", sizeof label - 1,
                sig->name);
    name = label;
  }
  EDB_TRY(set_type(fsm, type, name, sig->key, type, error));
  if (!edb_map_put(&fsm->names, name, strlen(name), type))
    return edb_fail_memory(error, strlen(name), "the names of a policy");
  return EDB_OK;
}

/* Sorts the types by name, so that the order of a model's cells does not matter. */
static edb_status sort_types(edb_fsm *fsm, edb_error *error) {
  size_t bytes = (size_t)fsm->n_types * sizeof *fsm->types;
  edb_fsm_type *sorted = edb_arena_alloc(&fsm->arena, bytes + 1);
  uint32_t *order = edb_arena_alloc(&fsm->arena, (size_t)fsm->n_types * sizeof *order + 1);
  if (sorted == NULL || order == NULL)
    return edb_fail_memory(error, bytes, "the types of a policy");
  for (uint32_t i = 0; i < fsm->n_types; i++) order[i] = i;
  edb_sort(order, fsm->n_types, name_less, fsm->types);
  for (uint32_t i = 0; i < fsm->n_types; i++) {
    sorted[i] = fsm->types[order[i]];
    fsm->from_schema[sorted[i].source] = i;
    if (!edb_map_put(&fsm->names, sorted[i].name, strlen(sorted[i].name), i))
      return edb_fail_memory(error, strlen(sorted[i].name), "the names of a policy");
  }
  fsm->types = sorted;
  return EDB_OK;
}

edb_status edb_fsm_create(edb_context *ctx, const edb_schema *schema,
                          edb_fsm_granularity granularity, edb_encoding encoding, edb_fsm **out,
                          edb_error *error) {
  EDB_ASSERT(granularity != EDB_FSM_RAW);
  edb_fsm *fsm = NULL;
  edb_status status = fsm_new(ctx, schema->n_types, &fsm, error);
  if (status != EDB_OK) return status;
  fsm->granularity = granularity;
  fsm->encoding = encoding;
  for (uint32_t i = 0; i < schema->n_types && status == EDB_OK; i++)
    status = set_unique_type(fsm, i, &schema->types[i], error);
  if (status == EDB_OK) status = sort_types(fsm, error);
  if (status != EDB_OK) {
    edb_fsm_destroy(fsm);
    return status;
  }
  *out = fsm;
  return EDB_OK;
}

static edb_status add_raw_types(edb_fsm *fsm, const uint32_t *numbers, uint32_t count,
                                edb_error *error) {
  uint32_t *sorted = edb_arena_alloc(&fsm->arena, (size_t)count * sizeof *sorted + 1);
  if (sorted == NULL)
    return edb_fail_memory(error, count * sizeof *sorted, "the types of a policy");
  if (count > 0) memcpy(sorted, numbers, count * sizeof *sorted);
  edb_sort(sorted, count, edb_number_less, NULL);
  fsm->n_types = 0;
  for (uint32_t i = 0; i < count; i++) {
    char name[16];
    if (i > 0 && sorted[i] == sorted[i - 1]) continue;
    snprintf(name, sizeof name, "%u", sorted[i]);
    EDB_TRY(set_type(fsm, fsm->n_types, name, "", sorted[i], error));
    if (!edb_map_put(&fsm->names, name, strlen(name), fsm->n_types++))
      return edb_fail_memory(error, strlen(name), "the names of a policy");
  }
  return EDB_OK;
}

edb_status edb_fsm_create_raw(edb_context *ctx, const uint32_t *numbers, uint32_t count,
                              edb_encoding encoding, edb_fsm **out, edb_error *error) {
  edb_fsm *fsm = NULL;
  EDB_TRY(fsm_new(ctx, count, &fsm, error));
  fsm->granularity = EDB_FSM_RAW;
  fsm->encoding = encoding;
  edb_status status = add_raw_types(fsm, numbers, count, error);
  if (status != EDB_OK) {
    edb_fsm_destroy(fsm);
    return status;
  }
  *out = fsm;
  return EDB_OK;
}

static edb_status copy_contents(edb_fsm *copy, const edb_fsm *fsm, edb_error *error) {
  for (uint32_t i = 0; i < fsm->n_types; i++) {
    const edb_fsm_type *t = &fsm->types[i];
    copy->from_schema[i] = fsm->from_schema[i];
    EDB_TRY(set_type(copy, i, t->name, t->key, t->source, error));
    if (!edb_map_put(&copy->names, t->name, strlen(t->name), i))
      return edb_fail_memory(error, strlen(t->name), "the names of a policy");
  }
  for (size_t i = 0; i < fsm->states.length; i++) {
    const edb_map_entry *entry = &fsm->states.entries[i];
    if (!edb_map_put(&copy->states, edb_map_key(&fsm->states, i), entry->key_length, entry->value))
      return edb_fail_memory(error, entry->key_length, "the states of a policy");
  }
  return EDB_OK;
}

edb_status edb_fsm_set_file(edb_fsm *fsm, const char *file, edb_error *error) {
  if (file == NULL) return EDB_OK;
  fsm->file = edb_arena_strdup(&fsm->arena, file, strlen(file));
  return fsm->file ? EDB_OK : edb_fail_memory(error, strlen(file) + 1, "the name of a policy");
}

edb_status edb_fsm_copy(edb_context *ctx, const edb_fsm *fsm, edb_fsm **out, edb_error *error) {
  edb_fsm *copy = NULL;
  EDB_TRY(fsm_new(ctx, fsm->n_types, &copy, error));
  copy->granularity = fsm->granularity;
  copy->encoding = fsm->encoding;
  copy->scope = fsm->scope;
  copy->record = fsm->record;
  copy->longest = fsm->longest;
  edb_status status = copy_contents(copy, fsm, error);
  if (status == EDB_OK) status = edb_fsm_set_file(copy, fsm->file, error);
  if (status != EDB_OK) {
    edb_fsm_destroy(copy);
    return status;
  }
  *out = copy;
  return EDB_OK;
}

edb_status edb_fsm_to_policy(edb_fsm *fsm, edb_policy **out, edb_error *error) {
  edb_policy *policy = edb_alloc_zero(fsm->ctx, sizeof *policy);
  if (policy == NULL) return edb_fail_memory(error, sizeof *policy, "a policy");
  policy->ctx = fsm->ctx;
  policy->kind = EDB_POLICY_FSM;
  policy->fsm = fsm;
  *out = policy;
  return EDB_OK;
}

/* ---- States ------------------------------------------------------------- */

edb_status edb_fsm_set(edb_fsm *fsm, const edb_token *tokens, uint32_t count, uint32_t run,
                       edb_error *error) {
  EDB_ASSERT(count > 0 && count <= fsm->n_types && (run < fsm->n_types || run == EDB_FSM_RULE));
  if (!edb_map_put(&fsm->states, tokens, count * sizeof *tokens, run))
    return edb_fail_memory(error, count * sizeof *tokens, "a state of a policy");
  if (count > fsm->longest) fsm->longest = count;
  return EDB_OK;
}

uint32_t edb_fsm_state(const edb_fsm *fsm, uint32_t i, edb_token *tokens, uint32_t *run) {
  const edb_map_entry *entry = &fsm->states.entries[i];
  memcpy(tokens, edb_map_key(&fsm->states, i), entry->key_length);
  *run = entry->value;
  return entry->key_length / (uint32_t)sizeof *tokens;
}

uint32_t edb_fsm_find_type(const edb_fsm *fsm, const char *name, size_t length) {
  return edb_map_get(&fsm->names, name, length);
}

/* ---- Binding ------------------------------------------------------------ */

edb_status edb_fsm_fail_key(edb_error *error, const char *file, uint32_t line, uint32_t column,
                            const char *name, const char *policy_key, const char *model_key) {
  size_t common = 0;
  while (policy_key[common] != '\0' && policy_key[common] == model_key[common]) common++;
  size_t from = common > 20 ? common - 20 : 0; /* some of what agrees, to find the place */
  const char *dots = from > 0 ? "..." : "";
  return edb_fail_at(
      error, EDB_ERROR_MISMATCH, file, line, column,
      "type \"%.100s\" differs from the model's from byte %zu of its key on: the policy "
      "has \"%s%.80s\", the model \"%s%.80s\"",
      name, common, dots, policy_key + from, dots, model_key + from);
}

/* Whether the schema's types stand where they stood when the FSM was made: one comparison per type.
 */
static bool same_order(const edb_fsm *fsm, const edb_schema *schema) {
  if (schema->n_types != fsm->n_types) return false;
  for (uint32_t i = 0; i < schema->n_types; i++) {
    const edb_fsm_type *t = &fsm->types[fsm->from_schema[i]];
    const edb_type_sig *sig = &schema->types[i];
    size_t length = strlen(sig->name);
    if (strncmp(t->name, sig->name, length) != 0) return false;
    if (t->name[length] != '\0' && t->name[length] != '#') return false;
    if (strcmp(t->key, sig->key) != 0) return false;
  }
  return true;
}

/* `other` has the schema's types. Names first: a type that is missing says more than one that
 * differs. */
static edb_status compare_types(const edb_fsm *fsm, const edb_fsm *other, edb_error *error) {
  for (uint32_t i = 0; i < fsm->n_types; i++) {
    const char *name = fsm->types[i].name;
    if (edb_fsm_find_type(other, name, strlen(name)) != UINT32_MAX) continue;
    return edb_fail_at(
        error, EDB_ERROR_MISMATCH, fsm->file, 0, 0,
        "the policy was made for a model with a type \"%.200s\", which this model has not", name);
  }
  for (uint32_t i = 0; i < other->n_types; i++) {
    const char *name = other->types[i].name;
    if (edb_fsm_find_type(fsm, name, strlen(name)) != UINT32_MAX) continue;
    return edb_fail_at(error, EDB_ERROR_MISMATCH, fsm->file, 0, 0,
                       "the model has a type \"%.200s\", which the policy does not know", name);
  }
  for (uint32_t i = 0; i < fsm->n_types; i++) { /* both are sorted by name */
    const edb_fsm_type *mine = &fsm->types[i], *theirs = &other->types[i];
    if (strcmp(mine->key, theirs->key) != 0)
      return edb_fsm_fail_key(error, fsm->file, 0, 0, mine->name, mine->key, theirs->key);
  }
  return EDB_OK;
}

static uint32_t find_raw(const edb_fsm *fsm, uint32_t number) {
  uint32_t low = 0, high = fsm->n_types;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (fsm->types[middle].source == number) return middle;
    if (fsm->types[middle].source < number)
      low = middle + 1;
    else
      high = middle;
  }
  return UINT32_MAX;
}

static edb_status map_types(edb_context *ctx, const edb_fsm *fsm, const edb_problem *problem,
                            const edb_schema *schema, edb_fsm_binding *binding, edb_error *error) {
  edb_fsm *other = NULL; /* only for a model whose cells stand in another order */
  const uint32_t *from_schema = fsm->from_schema;
  if (schema != NULL && !same_order(fsm, schema)) {
    EDB_TRY(edb_fsm_create(ctx, schema, fsm->granularity, fsm->encoding, &other, error));
    edb_status status = compare_types(fsm, other, error);
    if (status != EDB_OK) {
      edb_fsm_destroy(other);
      return status;
    }
    from_schema = other->from_schema;
  }
  for (uint32_t i = 0; i < fsm->n_types; i++) binding->to_problem[i] = UINT32_MAX;
  for (uint32_t t = 0; t < problem->n_types; t++) {
    uint32_t original = problem->original_type[t];
    uint32_t type = schema == NULL ? find_raw(fsm, original) : from_schema[original];
    binding->to_fsm[t] = type;
    if (type != UINT32_MAX) binding->to_problem[type] = t;
  }
  edb_fsm_destroy(other);
  return EDB_OK;
}

/* A table says nothing about graphs of other nodes than it was learned on. */
static edb_status check_granularity(const edb_fsm *fsm, const edb_schema *schema,
                                    edb_error *error) {
  edb_fsm_granularity found = schema == NULL         ? EDB_FSM_RAW
                              : schema->of_operators ? EDB_FSM_OP
                                                     : EDB_FSM_CELL;
  if (fsm->granularity == found) return EDB_OK;
  return edb_fail_at(
      error, EDB_ERROR_MISMATCH, fsm->file, 0, 0,
      "the policy is for granularity %s, the graph has granularity %s; learn and run "
      "at the same one",
      edb_fsm_granularity_name(fsm->granularity), edb_fsm_granularity_name(found));
}

edb_status edb_fsm_bind(edb_context *ctx, const edb_fsm *fsm, const edb_problem *problem,
                        const edb_schema *schema, edb_fsm_binding *out, edb_error *error) {
  EDB_TRY(check_granularity(fsm, schema, error));
  edb_fsm_binding binding = {.fsm = fsm};
  bool leads = edb_encoding_leads(fsm->encoding) &&
               (fsm->scope == EDB_FSM_GRAPH || edb_problem_has_choices(problem));
  uint32_t heights = leads && problem->height == NULL ? problem->n_nodes : 0;
  size_t words = (size_t)problem->n_types * 2 + fsm->n_types + heights + 1; /* never none */
  binding.memory_bytes = words * sizeof(uint32_t);
  binding.memory = edb_alloc(ctx, binding.memory_bytes);
  if (binding.memory == NULL)
    return edb_fail_memory(error, binding.memory_bytes, "the binding of a policy");
  binding.to_fsm = binding.memory;
  binding.tokens = binding.to_fsm + problem->n_types;
  binding.to_problem = binding.tokens + problem->n_types;
  if (leads) binding.height = problem->height;
  if (heights > 0) {
    uint32_t *height = binding.to_problem + fsm->n_types;
    edb_problem_heights(problem, height);
    binding.height = height;
  }
  edb_status status = map_types(ctx, fsm, problem, schema, &binding, error);
  if (status != EDB_OK) {
    edb_fsm_unbind(ctx, &binding);
    return status;
  }
  *out = binding;
  return EDB_OK;
}

void edb_fsm_unbind(edb_context *ctx, edb_fsm_binding *binding) {
  edb_free(ctx, binding->memory, binding->memory_bytes);
  *binding = (edb_fsm_binding){0};
}

/* ---- Choosing ----------------------------------------------------------- */

uint32_t edb_fsm_forced(const edb_fsm *fsm, const edb_state *state, uint32_t *component) {
  uint32_t type = edb_state_forced(state);
  *component = EDB_COMPONENT_ANY;
  if (type == EDB_TYPE_NONE && fsm->scope == EDB_FSM_COMPONENT)
    *component = edb_state_component(state, &type);
  return type;
}

uint32_t edb_fsm_rule(const edb_fsm *fsm, const edb_state *state, uint32_t component) {
  if (edb_encoding_leads(fsm->encoding)) return edb_lead_choose_in(state, component);
  return edb_tight_choose_in(state, component);
}

uint32_t edb_fsm_choose(edb_fsm_binding *binding, const edb_state *state) {
  const edb_fsm *fsm = binding->fsm;
  uint32_t component, type = edb_fsm_forced(fsm, state, &component);
  if (type != EDB_TYPE_NONE) return type;
  uint32_t n = edb_encode(fsm->encoding, state, component, binding->to_fsm, binding->tokens);
  if (n != UINT32_MAX) {
    uint32_t run = edb_map_get(&fsm->states, binding->tokens, n * sizeof *binding->tokens);
    if (run == EDB_FSM_RULE) return edb_fsm_rule(fsm, state, component);
    if (run != EDB_MAP_NONE) return binding->to_problem[run];
  }
  binding->misses++;
  return edb_fsm_rule(fsm, state, component);
}
