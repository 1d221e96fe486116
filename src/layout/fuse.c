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
  for (int i = 0; i < EDB_FUSE_COUNT; i++) {
    if (p->cell->ops[first->op].kind != pairs[i].first || pairs[i].position != operand ||
        p->cell->ops[second->op].kind != pairs[i].second)
      continue;
    *fusion = (edb_fusion)i;
    return true;
  }
  return false;
}

/* Whether operand k of step `second` is made for it alone by a step that it can be joined with. */
static bool find_pair(const edb_planner *p, size_t second, uint32_t k, step_pair *out) {
  const edb_step *to = &p->steps.data[second];
  edb_place place = edb_planner_place(p, to->operand[k]);
  if (place.width != edb_planner_slot(p, to->result)->width ||
      edb_planner_slot(p, place.slot)->kind != EDB_SLOT_SCRATCH || !is_read_once(p, place))
    return false;
  *out = (step_pair){.first = find_writer(p, place, second), .second = second, .operand = k};
  if (out->first == SIZE_MAX) return false;
  const edb_step *from = &p->steps.data[out->first];
  return is_plain(p, from) && from->domain == to->domain &&
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

/* What is left of the first of a pair: the columns on either side. The left ones stay in its place;
 * the right ones follow. */
static edb_status keep_rest(edb_planner *p, size_t first, uint32_t begin, uint32_t end) {
  edb_step step = p->steps.data[first], left = step, right = step;
  uint32_t width = edb_planner_slot(p, step.result)->width;
  if (begin > 0) EDB_TRY(narrow_step(p, &step, 0, begin, &left));
  if (end < width) EDB_TRY(narrow_step(p, &step, end, width - end, &right));
  if (begin == 0 && end == width) {
    p->steps.data[first].result = EDB_SLOT_NONE;
    part_from_next(p, first);
    return EDB_OK;
  }
  p->steps.data[first] = begin > 0 ? left : right;
  if (begin == 0 || end == width) return EDB_OK;
  right.joined = true;
  EDB_TRY(edb_plan_add_step(p, right));
  for (size_t i = p->steps.length - 1; i > first + 1; i--) p->steps.data[i] = p->steps.data[i - 1];
  p->steps.data[first + 1] = right;
  return EDB_OK;
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
  p->steps.data[pair.second] = joined;
  part_from_next(p, pair.second);
  return keep_rest(p, pair.first, begin, begin + width);
}

edb_status edb_plan_fuse(edb_planner *p) {
  for (size_t i = 0; i < p->steps.length; i++) {
    if (is_dead(&p->steps.data[i]) || !is_plain(p, &p->steps.data[i])) continue;
    for (uint32_t k = p->steps.data[i].n_operands; k-- > 0;) {
      step_pair pair;
      size_t before = p->steps.length;
      if (!find_pair(p, i, k, &pair)) continue;
      EDB_TRY(join(p, pair));
      i += p->steps.length - before;
      break;
    }
  }
  size_t left = 0;
  for (size_t i = 0; i < p->steps.length; i++)
    if (!is_dead(&p->steps.data[i])) p->steps.data[left++] = p->steps.data[i];
  p->steps.length = left;
  return EDB_OK;
}
