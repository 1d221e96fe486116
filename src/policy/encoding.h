/* policy/encoding.h: how a frontier becomes a state of the FSM.
 *
 * All encodings share one form, a sequence of tokens, one per ready type: twice the FSM's number of
 * the type, plus a flag. The FSM numbers types by their names, so a state means the same in every
 * graph, process and machine; ties are broken by that number as well (the lower one comes first).
 *
 *     base   ready types, ascending
 *     max    ready types, ascending; flag: the most numerous one
 *     sort   ready types by decreasing number of ready nodes
 *     tight  ready types, ascending; flag: the type is tight
 *     lead   the ready type that leads (edb_state_leads), then the others, ascending; flag: the
 *            type is tight
 *     mass   the same, where the type leads whose ready nodes have the largest mass */
#ifndef EDB_POLICY_ENCODING_H
#define EDB_POLICY_ENCODING_H

#include "policy/state.h"

typedef uint32_t edb_token;

static inline edb_token edb_token_make(uint32_t type, bool flag) {
  return type * 2 + (flag ? 1 : 0);
}
static inline uint32_t edb_token_type(edb_token token) {
  return token >> 1;
}
static inline bool edb_token_flag(edb_token token) {
  return token & 1;
}

/* Whether states begin with the type that leads, so that somebody must know heights. */
static inline bool edb_encoding_leads(edb_encoding encoding) {
  return encoding == EDB_ENCODING_LEAD || encoding == EDB_ENCODING_MASS;
}

/* Encodes the ready types of a state, those of one component or, for EDB_COMPONENT_ANY, all.
 * `to_fsm` maps the problem's types to the FSM's (UINT32_MAX: the FSM does not know it); `tokens`
 * has room for one per type of the problem. Returns their number, or UINT32_MAX when a ready type
 * is unknown: then there is no such state. O(ready types).
 */
uint32_t edb_encode(edb_encoding encoding, const edb_state *state, uint32_t component,
                    const uint32_t *to_fsm, edb_token *tokens);

#endif
