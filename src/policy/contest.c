/* policy/contest.c: see contest.h. */
#include "policy/contest.h"

size_t edb_contest_length(uint32_t n_types) {
  size_t leaves = EDB_FEW_TYPES;
  if (n_types <= EDB_FEW_TYPES) return 0;
  while (leaves < n_types) leaves *= 2;
  return leaves * 2;
}

/* Whether `b`, the higher type, wins. */
static bool second_wins(const edb_contest *c, const edb_state *s, uint32_t a, uint32_t b) {
  const uint8_t *unbatchable = s->problem->unbatchable;
  if (b == EDB_TYPE_NONE) return false;
  if (a == EDB_TYPE_NONE) return true;
  if (unbatchable[a] || unbatchable[b]) return !unbatchable[a];
  return c->chooser->beats(c->chooser->self, s, b, a);
}

static void play(edb_contest *c, const edb_state *s, uint32_t i) {
  const uint32_t *pair = c->winners + (size_t)2 * i;
  c->winners[i] = pair[second_wins(c, s, pair[0], pair[1])];
}

static uint32_t entry(const edb_state *s, uint32_t type) {
  return s->ready_count[type] > 0 ? type : EDB_TYPE_NONE;
}

void edb_contest_begin(edb_contest *c, const edb_chooser *chooser, const edb_state *s,
                       uint32_t *winners) {
  uint32_t n_types = s->problem->n_types;
  *c = (edb_contest){.winners = winners, .chooser = chooser};
  c->leaves = (uint32_t)(edb_contest_length(n_types) / 2);
  for (uint32_t t = 0; t < c->leaves; t++)
    winners[c->leaves + t] = t < n_types ? entry(s, t) : EDB_TYPE_NONE;
  for (uint32_t i = c->leaves; i-- > 1;) play(c, s, i);
}

static void update(edb_contest *c, const edb_state *s, uint32_t type) {
  uint32_t i = c->leaves + type;
  c->winners[i] = entry(s, type);
  while (i > 1) play(c, s, i /= 2);
}

void edb_contest_ran(edb_contest *c, const edb_state *s, uint32_t type, const uint32_t *nodes,
                     uint32_t count) {
  const edb_problem *p = s->problem;
  uint32_t last = type;
  update(c, s, type);
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t e = p->out_start[nodes[i]]; e < p->out_start[nodes[i] + 1]; e++) {
      uint32_t u = p->out[e];
      if (s->pending[u] > 0 || p->type[u] == last) continue;
      last = p->type[u];
      update(c, s, last);
    }
  }
}
