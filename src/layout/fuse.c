/* layout/fuse.c: elementwise operators, one of which only feeds the other, in one pass.
 *
 * Batched operators are wide: an addition may feed the sigmoid of some of its columns and the tanh
 * of others. Such a step is cut, and each part goes where it is used:
 *
 *     g = p + [bi bo bu]                      [i o] = sigmoid(p[i o] + [bi bo])
 *     [i o] = sigmoid(g[i o])       --->      u     = tanh(p[u] + bu)
 *     u = tanh(g[u])                                                                            */
#include "layout/plan_impl.h"

static const struct {
  edb_op_kind first, second;
  uint32_t position;
} pairs[EDB_FUSE_COUNT] = {
#define FUSION_ROW(id, kernel, first, second, position) {EDB_OP_##first, EDB_OP_##second, position},
    EDB_FUSION_LIST(FUSION_ROW)
#undef FUSION_ROW
};

typedef struct step_pair {
  size_t first, second; /* steps */
  uint32_t operand;     /* of the second that the first one makes */
  edb_fusion fusion;
} step_pair;

/* Operands that are as wide as the result, or one number. */
static bool is_plain(const edb_planner *p, const edb_step *step) {
  uint32_t width = edb_planner_slot(p, step->result)->width;
  if (step->kind == EDB_STEP_FUSED) return true;
  if (step->kind != EDB_STEP_OP || !edb_batching_is_elementwise(p->cell->ops[step->op].kind))
    return false;
  for (uint32_t k = 0; k < step->n_operands; k++) {
    uint32_t operand = edb_planner_slot(p, step->operand[k])->width;
    if (operand != width && operand != 1) return false;
  }
  return true;
}

static bool is_dead(const edb_step *step) {
  return step->result == EDB_SLOT_NONE;
}

/* Whether nothing but one operand reads any of these columns. */
static bool is_read_once(const edb_planner *p, edb_place place) {
  uint32_t reads = 0;
  for (size_t i = 0; i < p->steps.length && reads < 2; i++) {
    const edb_step *s = &p->steps.data[i];
    for (uint32_t k = 0; k < s->n_operands && !is_dead(s); k++)
      if (s->operand[k] != EDB_SLOT_NONE)
        reads += edb_place_overlaps(edb_planner_place(p, s->operand[k]), place);
  }
  return reads == 1;
}

/* The step before `end` that writes all of these columns, and with them perhaps more; SIZE_MAX if
 * there is none. */
static size_t find_writer(const edb_planner *p, edb_place place, size_t end) {
  for (size_t i = end; i-- > 0;) {
    if (is_dead(&p->steps.data[i])) continue;
    edb_place result = edb_planner_place(p, p->steps.data[i].result);
    if (!edb_place_overlaps(result, place)) continue;
    bool all =
        result.offset <= place.offset && place.offset + place.width <= result.offset + result.width;
    return all ? i : SIZE_MAX;
  }
  return SIZE_MAX;
}

static bool find_fusion(const edb_planner *p, const edb_step *first, const edb_step *second,
                        uint32_t operand, edb_fusion *fusion) {
  *fusion = EDB_FUSE_MUL_MUL_ADD;
  if (second->kind == EDB_STEP_FUSED)
    return second->fusion == EDB_FUSE_ADD_MUL && operand == 0 &&
           p->cell->ops[first->op].kind == EDB_OP_MUL;
  for (int i = 0; i < EDB_FUSE_COUNT; i++) {
    if (p->cell->ops[first->op].kind != pairs[i].first || pairs[i].position != operand ||
        p->cell->ops[second->op].kind != pairs[i].second)
      continue;
    *fusion = (edb_fusion)i;
    return true;
  }
  return false;
}

/* Whether operand k of `to`, which is step `second` or a part of it, is made for it alone by a step
 * that it can be joined with. */
static bool find_pair(const edb_planner *p, const edb_step *to, size_t second, uint32_t k,
                      step_pair *out) {
  edb_place place = edb_planner_place(p, to->operand[k]);
  if (place.width != edb_planner_slot(p, to->result)->width ||
      edb_planner_slot(p, place.slot)->kind != EDB_SLOT_SCRATCH || !is_read_once(p, place))
    return false;
  *out = (step_pair){.first = find_writer(p, place, second), .second = second, .operand = k};
  if (out->first == SIZE_MAX) return false;
  const edb_step *from = &p->steps.data[out->first];
  return from->kind == EDB_STEP_OP && is_plain(p, from) && from->domain == to->domain &&
         from->needs_labels == to->needs_labels && find_fusion(p, from, to, k, &out->fusion);
}

/* ---- Cutting and joining --------------------------------------------------------------------- */

/* The slot of columns first .. first + width - 1 of an operand or result. */
static edb_status narrow(edb_planner *p, uint32_t slot, uint32_t first, uint32_t width,
                         uint32_t *out) {
  edb_place place = edb_planner_place(p, slot);
  place.offset += first;
  place.width = width;
  return edb_plan_slot_at(p, place, out);
}

/* A step on `width` of its columns from `first` on; numbers serve all columns. */
static edb_status narrow_step(edb_planner *p, const edb_step *step, uint32_t first, uint32_t width,
                              edb_step *out) {
  uint32_t all = edb_planner_slot(p, step->result)->width;
  *out = *step;
  EDB_TRY(narrow(p, step->result, first, width, &out->result));
  for (uint32_t k = 0; k < step->n_operands; k++)
    if (edb_planner_slot(p, step->operand[k])->width == all)
      EDB_TRY(narrow(p, step->operand[k], first, width, &out->operand[k]));
  return EDB_OK;
}

/* The next step is a kernel of its own once the one it was joined to has gone. */
static void part_from_next(edb_planner *p, size_t step) {
  if (step + 1 < p->steps.length) p->steps.data[step + 1].joined = false;
}

static edb_status insert_step(edb_planner *p, size_t at, edb_step step) {
  EDB_TRY(edb_plan_add_step(p, step));
  for (size_t i = p->steps.length - 1; i > at; i--) p->steps.data[i] = p->steps.data[i - 1];
  p->steps.data[at] = step;
  return EDB_OK;
}

/* Cuts columns begin .. end - 1 out of a step and leaves those on either side; *left gets how many
 * steps stand in its place: 0 (it is dead then), 1 or 2. */
static edb_status keep_rest(edb_planner *p, size_t at, uint32_t begin, uint32_t end,
                            uint32_t *left) {
  edb_step step = p->steps.data[at], before = step, after = step;
  uint32_t width = edb_planner_slot(p, step.result)->width;
  *left = (begin > 0) + (end < width);
  if (begin > 0) EDB_TRY(narrow_step(p, &step, 0, begin, &before));
  if (end < width) EDB_TRY(narrow_step(p, &step, end, width - end, &after));
  if (*left == 0) {
    p->steps.data[at].result = EDB_SLOT_NONE;
    part_from_next(p, at);
    return EDB_OK;
  }
  p->steps.data[at] = begin > 0 ? before : after;
  after.joined = true;
  return *left == 2 ? insert_step(p, at + 1, after) : EDB_OK;
}

/* The first of a pair moves to the place of the second: its operands are values, and values do not
 * change. */
static edb_status join(edb_planner *p, step_pair pair) {
  const edb_step first = p->steps.data[pair.first], second = p->steps.data[pair.second];
  uint32_t begin = edb_planner_place(p, second.operand[pair.operand]).offset -
                   edb_planner_place(p, first.result).offset;
  uint32_t width = edb_planner_slot(p, second.result)->width;
  edb_step part, joined = second;
  EDB_TRY(narrow_step(p, &first, begin, width, &part));
  joined.kind = EDB_STEP_FUSED;
  joined.fusion = pair.fusion;
  joined.joined = false;
  joined.n_operands = 0;
  for (uint32_t i = 0; i < second.n_operands; i++) {
    if (i != pair.operand) joined.operand[joined.n_operands++] = second.operand[i];
    for (uint32_t k = 0; i == pair.operand && k < part.n_operands; k++)
      joined.operand[joined.n_operands++] = part.operand[k];
  }
  uint32_t left;
  p->steps.data[pair.second] = joined;
  part_from_next(p, pair.second);
  return keep_rest(p, pair.first, begin, begin + width, &left);
}

/* The first `width` columns of operand k of a step, from `first` on, that one step makes. */
static uint32_t written_together(const edb_planner *p, size_t step, uint32_t k, uint32_t first) {
  edb_place place = edb_planner_place(p, p->steps.data[step].operand[k]);
  place.offset += first;
  place.width -= first;
  size_t writer = find_writer(p, (edb_place){place.slot, place.offset, 1}, step);
  if (writer == SIZE_MAX) return place.width;
  edb_place all = edb_planner_place(p, p->steps.data[writer].result);
  uint32_t width = all.offset + all.width - place.offset;
  return width < place.width ? width : place.width;
}

/* A step whose operand k several steps make is cut where one of these can be joined with its part;
 * *part gets that part's step, or SIZE_MAX. */
static edb_status cut_by_writer(edb_planner *p, size_t at, uint32_t k, size_t *part) {
  edb_step step = p->steps.data[at], piece;
  uint32_t width = edb_planner_slot(p, step.result)->width, left, together;
  *part = SIZE_MAX;
  if (edb_planner_slot(p, step.operand[k])->width != width) return EDB_OK;
  for (uint32_t first = 0; first < width; first += together) {
    step_pair pair;
    together = written_together(p, at, k, first);
    if (together == width) return EDB_OK;
    EDB_TRY(narrow_step(p, &step, first, together, &piece));
    if (!find_pair(p, &piece, at, k, &pair)) continue;
    EDB_TRY(keep_rest(p, at, first, first + together, &left));
    *part = first > 0 ? at + 1 : at;
    piece.joined = first > 0 || step.joined;
    if (first == 0) p->steps.data[at].joined = true;
    return insert_step(p, *part, piece);
  }
  return EDB_OK;
}

/* Joins a step with those that make its operands, one after the other; *at becomes where it, or the
 * last part of it that was tried, stands then. */
static edb_status fuse_step(edb_planner *p, size_t *at) {
  for (uint32_t k = p->steps.data[*at].n_operands; k-- > 0;) {
    step_pair pair;
    size_t before = p->steps.length, part;
    if (p->steps.data[*at].operand[k] == EDB_SLOT_NONE) continue;
    if (!find_pair(p, &p->steps.data[*at], *at, k, &pair)) {
      if (p->steps.data[*at].kind == EDB_STEP_FUSED) continue;
      EDB_TRY(cut_by_writer(p, *at, k, &part));
      if (part == SIZE_MAX) continue;
      *at = part;
      before = p->steps.length;
      if (!find_pair(p, &p->steps.data[*at], *at, k, &pair)) return EDB_OK;
    }
    EDB_TRY(join(p, pair));
    *at += p->steps.length - before;
    k = p->steps.data[*at].n_operands;
  }
  return EDB_OK;
}

edb_status edb_plan_fuse(edb_planner *p) {
  for (size_t i = 0; i < p->steps.length; i++)
    if (!is_dead(&p->steps.data[i]) && is_plain(p, &p->steps.data[i])) EDB_TRY(fuse_step(p, &i));
  size_t left = 0;
  for (size_t i = 0; i < p->steps.length; i++)
    if (!is_dead(&p->steps.data[i])) p->steps.data[left++] = p->steps.data[i];
  p->steps.length = left;
  return EDB_OK;
}
