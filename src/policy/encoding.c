/* policy/encoding.c: from a frontier to the tokens that name its state. */
#include "policy/encoding.h"

#include "policy/sorting.h"

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

/* Mostly few types are ready at once, and they come almost in order: then insertion is the right
 * sort. From this many on, what is out of order waits for the end. */
#define FEW_READY 64

/* Whether the tokens are still in order. */
static bool insert_by_type(edb_token *tokens, uint32_t n, edb_token token) {
  bool ascends = n == 0 || tokens[n - 1] < token;
  while (n > 0 && n < FEW_READY && tokens[n - 1] > token) {
    tokens[n] = tokens[n - 1];
    n--;
  }
  tokens[n] = token;
  return ascends || n < FEW_READY;
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
  bool flags = leads || encoding == EDB_ENCODING_TIGHT, sorted = true;
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
    sorted &=
        insert_by_type(tokens, n++, edb_token_make(type, flags && edb_state_is_tight(state, t)));
  }
  if (!sorted) edb_sort(tokens, n, edb_number_less, NULL);
  if (encoding == EDB_ENCODING_MAX) {
    for (uint32_t i = 0; i < n; i++)
      if (edb_token_type(tokens[i]) == most) tokens[i] = edb_token_make(most, true);
  }
  if (lead != EDB_TYPE_NONE) move_to_front(tokens, n, to_fsm[lead]);
  return n;
}

typedef struct counts {
  const uint32_t *ready, *to_fsm; /* by type of the problem */
} counts;

/* The most ready nodes first; among equals by the FSM's number. */
static bool has_more(const void *user, uint32_t a, uint32_t b) {
  const counts *c = user;
  return c->ready[a] != c->ready[b] ? c->ready[a] > c->ready[b] : c->to_fsm[a] < c->to_fsm[b];
}

/* `tokens` holds the problem's types while they are sorted, since these lead to the counts. */
static uint32_t encode_sorted(const edb_state *state, uint32_t component, const uint32_t *to_fsm,
                              edb_token *tokens) {
  const counts c = {.ready = state->ready_count, .to_fsm = to_fsm};
  uint32_t n = 0;
  for (uint32_t t = edb_state_next_in(state, component, EDB_TYPE_NONE); t != EDB_TYPE_NONE;
       t = edb_state_next_in(state, component, t)) {
    if (to_fsm[t] == UINT32_MAX) return UINT32_MAX;
    tokens[n++] = t;
  }
  edb_sort(tokens, n, has_more, &c);
  for (uint32_t i = 0; i < n; i++) tokens[i] = edb_token_make(to_fsm[tokens[i]], false);
  return n;
}

uint32_t edb_encode(edb_encoding encoding, const edb_state *state, uint32_t component,
                    const uint32_t *to_fsm, edb_token *tokens) {
  if (encoding == EDB_ENCODING_SORT) return encode_sorted(state, component, to_fsm, tokens);
  return encode_ascending(encoding, state, component, to_fsm, tokens);
}
