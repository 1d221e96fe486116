/* policy/lead.c: prefer the type of the ready node with the longest path ahead.
 *
 * The instance that such a node belongs to decides how long the schedule must be, if any single one
 * does; the tight rule looks at one type at a time and does not see it. */
#include "policy/state.h"

uint32_t edb_lead_choose_in(const edb_state *s, uint32_t component) {
  uint32_t best = EDB_TYPE_NONE;
  EDB_ASSERT(s->height != NULL);
  for (uint32_t t = edb_state_next_ready(s, 0); t != EDB_TYPE_NONE;
       t = edb_state_next_ready(s, t + 1)) {
    if (!edb_state_in(s, t, component)) continue;
    if (best == EDB_TYPE_NONE || edb_state_leads(s, t, best)) best = t;
  }
  return best;
}
