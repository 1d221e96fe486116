/* policy/encoding.c: from a frontier to the tokens that name its state. */
#include "policy/encoding.h"

#include <string.h>

static const char *const encoding_names[] = {
#define EDB_ENCODING_NAME(name, text, help) text,
    EDB_ENCODING_LIST(EDB_ENCODING_NAME)
#undef EDB_ENCODING_NAME
};

const char *edb_encoding_name(edb_encoding encoding) {
  return (unsigned)encoding < EDB_ENCODING_COUNT ? encoding_names[encoding] : "unknown";
}

bool edb_encoding_from_name(const char *name, edb_encoding *out) {
  if (name == NULL) return false;
  for (uint32_t i = 0; i < EDB_ENCODING_COUNT; i++) {
    if (strcmp(name, encoding_names[i]) != 0) continue;
    *out = (edb_encoding)i;
    return true;
  }
  return false;
}

/* Few types are ready at once, and they come almost in order: insertion is the right sort. */
static void insert_by_type(edb_token *tokens, uint32_t n, edb_token token) {
  while (n > 0 && tokens[n - 1] > token) {
    tokens[n] = tokens[n - 1];
    n--;
  }
  tokens[n] = token;
}

/* Whether the type leads one that is known to lead all others so far; ties by the FSM's number. */
static bool takes_lead(const edb_state *s, const uint32_t *to_fsm, uint32_t type, uint32_t lead) {
  if (lead == EDB_TYPE_NONE || edb_state_leads(s, type, lead)) return true;
  return !edb_state_leads(s, lead, type) && to_fsm[type] < to_fsm[lead];
}

static void move_to_front(edb_token *tokens, uint32_t n, uint32_t type) {
  uint32_t i = 0;
  while (edb_token_type(tokens[i]) != type) i++;
  EDB_ASSERT(i < n);
  edb_token first = tokens[i];
  for (; i > 0; i--) tokens[i] = tokens[i - 1];
  tokens[0] = first;
}

static uint32_t encode_ascending(edb_encoding encoding, const edb_state *state, uint32_t component,
                                 const uint32_t *to_fsm, edb_token *tokens) {
  bool leads = edb_encoding_leads(encoding);
  bool flags = leads || encoding == EDB_ENCODING_TIGHT;
  uint32_t n = 0, most = 0, most_count = 0, lead = EDB_TYPE_NONE;
  for (uint32_t t = edb_state_next_in(state, component, EDB_TYPE_NONE); t != EDB_TYPE_NONE;
       t = edb_state_next_in(state, component, t)) {
    uint32_t type = to_fsm[t], count = state->ready_count[t];
    if (type == UINT32_MAX) return UINT32_MAX;
    if (count > most_count || (count == most_count && type < most)) {
      most_count = count;
      most = type;
    }
    if (leads && takes_lead(state, to_fsm, t, lead)) lead = t;
    insert_by_type(tokens, n++, edb_token_make(type, flags && edb_state_is_tight(state, t)));
  }
  if (encoding == EDB_ENCODING_MAX) {
    for (uint32_t i = 0; i < n; i++)
      if (edb_token_type(tokens[i]) == most) tokens[i] = edb_token_make(most, true);
  }
  if (lead != EDB_TYPE_NONE) move_to_front(tokens, n, to_fsm[lead]);
  return n;
}

/* `tokens` holds the problem's types while they are sorted, since these lead to the counts. */
static uint32_t encode_sorted(const edb_state *state, uint32_t component, const uint32_t *to_fsm,
                              edb_token *tokens) {
  uint32_t n = 0;
  for (uint32_t t = edb_state_next_in(state, component, EDB_TYPE_NONE); t != EDB_TYPE_NONE;
       t = edb_state_next_in(state, component, t)) {
    uint32_t count = state->ready_count[t], i = n++;
    if (to_fsm[t] == UINT32_MAX) return UINT32_MAX;
    for (; i > 0; i--) {
      uint32_t other = tokens[i - 1], other_count = state->ready_count[other];
      if (other_count > count || (other_count == count && to_fsm[other] < to_fsm[t])) break;
      tokens[i] = other;
    }
    tokens[i] = t;
  }
  for (uint32_t i = 0; i < n; i++) tokens[i] = edb_token_make(to_fsm[tokens[i]], false);
  return n;
}

uint32_t edb_encode(edb_encoding encoding, const edb_state *state, uint32_t component,
                    const uint32_t *to_fsm, edb_token *tokens) {
  if (encoding == EDB_ENCODING_SORT) return encode_sorted(state, component, to_fsm, tokens);
  return encode_ascending(encoding, state, component, to_fsm, tokens);
}
