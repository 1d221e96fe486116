/* layout/fuse.c: elementwise operators, one of which only feeds the other, in one pass.
 *
 * Batched operators are wide: an addition may feed the sigmoid of some of its columns and the tanh
 * of others. Such a step is cut, and each part goes where it is used:
 *
 *     g = p + [bi bo bu]                      [i o] = sigmoid(p[i o] + [bi bo])
 *     [i o] = sigmoid(g[i o])       --->      u     = tanh(p[u] + bu)
 *     u = tanh(g[u])                                                                            */
#include <string.h>

#include "layout/plan_impl.h"
#include "layout/spans.h"

/* `second` is an operator or, in a step of kind FUSED, a fusion. */
static const struct {
  edb_fusion fusion;
  edb_op_kind first;
  edb_step_kind kind;
  uint32_t second, position;
} fusions[] = {
#define PAIR_ROW(id, kernel, first, second, position) \
  {EDB_FUSE_##id, EDB_OP_##first, EDB_STEP_OP, EDB_OP_##second, position},
#define TRIPLE_ROW(id, kernel, first, second, position) \
  {EDB_FUSE_##id, EDB_OP_##first, EDB_STEP_FUSED, EDB_FUSE_##second, position},
    EDB_FUSION_PAIRS(PAIR_ROW) EDB_FUSION_TRIPLES(TRIPLE_ROW)
#undef PAIR_ROW
#undef TRIPLE_ROW
};

typedef struct step_pair {
  uint32_t first, second; /* steps */
  uint32_t operand;       /* of the second that the first one makes */
  edb_fusion fusion;
} step_pair;

#define NO_STEP UINT32_MAX

/* Steps are numbered as they come up, so a step's number stays when others are cut; `next` is their
 * order. */
typedef struct fuser {
  edb_planner *p;
  EDB_VEC(uint32_t) next; /* the step after, or NO_STEP */
  edb_spans alone;        /* columns that one operand reads; width 0: not so any more */
  edb_spans writes;       /* columns and the steps that write them; width 0: not any more */
  /* What is left of a step behind its part at hand, and the operands of which no part after the
   * first can be joined: this was tried for the whole. */
  uint32_t rest;
  bool failed[EDB_STEP_OPERANDS];
} fuser;

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

static uint32_t next_step(const fuser *f, uint32_t step) {
  EDB_ASSERT(f->next.data != NULL && step < f->next.length);
  return f->next.data[step];
}

/* ---- Reads and writes ------------------------------------------------------------------------ */

static bool lies_in(edb_place a, edb_place b) {
  return a.slot == b.slot && b.offset <= a.offset && a.offset + a.width <= b.offset + b.width;
}

/* Whether nothing but one operand, whose columns these are, reads any of them. Steps that are cut
 * or joined read no other columns than before, but for those that all parts of a step read. */
static bool is_read_once(const fuser *f, edb_place place) {
  const edb_span *alone = edb_spans_find(&f->alone, place);
  return alone && place.width > 0 && lies_in(place, alone->place);
}

/* The step that writes all of these columns, and with them perhaps more; NO_STEP if there is none.
 * Values are written once, by a step before those that read them. */
static uint32_t find_writer(const fuser *f, edb_place place) {
  const edb_span *write = edb_spans_find(&f->writes, place);
  return write && place.width > 0 && lies_in(place, write->place) ? write->value : NO_STEP;
}

static edb_status add_write(fuser *f, uint32_t step) {
  edb_place place = edb_planner_place(f->p, f->p->steps.data[step].result);
  return edb_spans_add(&f->writes, place, step, f->p->error);
}

static edb_status add_reads(const fuser *f, edb_spans *reads) {
  for (size_t i = 0; i < f->p->steps.length; i++) {
    const edb_step *s = &f->p->steps.data[i];
    for (uint32_t k = 0; k < s->n_operands; k++) {
      if (s->operand[k] == EDB_SLOT_NONE) continue;
      EDB_TRY(edb_spans_add(reads, edb_planner_place(f->p, s->operand[k]), 0, f->p->error));
    }
  }
  return EDB_OK;
}

static uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* From where a read begins to where the next one does, those columns are read once that lie behind
 * the ends of all reads so far but one. */
static edb_status find_alone(fuser *f, const edb_spans *reads) {
  uint32_t furthest = 0, second = 0;
  const edb_span *next;
  for (const edb_span *s = edb_spans_first(reads); s; s = next) {
    edb_place place = s->place;
    uint32_t end = place.offset + place.width;
    second = end > furthest ? furthest : end > second ? end : second;
    furthest = end > furthest ? end : furthest;
    next = edb_spans_next(reads, s);
    end = next && next->place.slot == place.slot ? least(furthest, next->place.offset) : furthest;
    if (second > place.offset) place.offset = second;
    place.width = end > place.offset ? end - place.offset : 0;
    if (place.width > 0) EDB_TRY(edb_spans_add(&f->alone, place, 0, f->p->error));
    if (next && next->place.slot != place.slot) furthest = second = 0;
  }
  return EDB_OK;
}

static edb_status note_reads(fuser *f) {
  edb_spans reads;
  edb_spans_init(&reads, f->p->ctx);
  edb_status status = edb_spans_reserve(&reads, 2 * f->p->steps.length, f->p->error);
  if (status == EDB_OK) status = add_reads(f, &reads);
  if (status == EDB_OK) status = find_alone(f, &reads);
  edb_spans_free(&reads);
  return status;
}

static edb_status note_steps(fuser *f) {
  uint32_t n = (uint32_t)f->p->steps.length;
  EDB_TRY(edb_spans_reserve(&f->writes, n, f->p->error));
  EDB_TRY(edb_spans_reserve(&f->alone, n, f->p->error));
  if (!edb_vec_reserve(f->p->ctx, &f->next, n))
    return edb_fail_memory(f->p->error, n * sizeof n, "the steps of a plan");
  for (uint32_t i = 0; i < n; i++) {
    f->next.data[f->next.length++] = i + 1 < n ? i + 1 : NO_STEP;
    EDB_TRY(add_write(f, i));
  }
  return note_reads(f);
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

/* What an operator and a step, of which it makes an operand, run as; EDB_FUSE_COUNT: nothing. */
static edb_fusion find_fusion(const edb_planner *p, edb_op_kind first, const edb_step *to,
                              uint32_t operand) {
  uint32_t second = to->kind == EDB_STEP_FUSED ? to->fusion : p->cell->ops[to->op].kind;
  for (size_t i = 0; i < sizeof fusions / sizeof *fusions; i++)
    if (fusions[i].first == first && fusions[i].kind == to->kind && fusions[i].second == second &&
        fusions[i].position == operand)
      return fusions[i].fusion;
  return EDB_FUSE_COUNT;
}

/* Whether operand k of `to`, which is step `second` or a part of it, is made for it alone by a step
 * that it can be joined with. */
static bool find_pair(const fuser *f, const edb_step *to, uint32_t second, uint32_t k,
                      step_pair *out) {
  const edb_planner *p = f->p;
  edb_place place = edb_planner_place(p, to->operand[k]);
  if (place.width != edb_planner_slot(p, to->result)->width ||
      edb_planner_slot(p, place.slot)->kind != EDB_SLOT_SCRATCH || !is_read_once(f, place))
    return false;
  *out = (step_pair){.first = find_writer(f, place), .second = second, .operand = k};
  if (out->first == NO_STEP) return false;
  const edb_step *from = &p->steps.data[out->first];
  if (from->kind != EDB_STEP_OP || !is_plain(p, from) || from->domain != to->domain ||
      from->needs_labels != to->needs_labels)
    return false;
  out->fusion = find_fusion(p, p->cell->ops[from->op].kind, to, k);
  return out->fusion != EDB_FUSE_COUNT;
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
static void part_from_next(const fuser *f, uint32_t step) {
  uint32_t next = next_step(f, step);
  if (next != NO_STEP) f->p->steps.data[next].joined = false;
}

static edb_status insert_after(fuser *f, uint32_t at, edb_step step) {
  uint32_t number = (uint32_t)f->p->steps.length;
  EDB_TRY(edb_plan_add_step(f->p, step));
  if (!edb_vec_push(f->p->ctx, &f->next, next_step(f, at)))
    return edb_fail_memory(f->p->error, sizeof at, "the steps of a plan");
  f->next.data[at] = number;
  return EDB_OK;
}

/* Operands of one column that all parts of a step read. */
static void share_numbers(const fuser *f, const edb_step *step) {
  uint32_t all = edb_planner_slot(f->p, step->result)->width;
  for (uint32_t k = 0; k < step->n_operands; k++) {
    edb_place place = edb_planner_place(f->p, step->operand[k]);
    edb_span *alone = place.width != all ? edb_spans_find(&f->alone, place) : NULL;
    if (alone && lies_in(place, alone->place)) alone->place.width = 0;
  }
}

/* A step becomes its parts, in the order of their columns: the first stands in its place, the
 * others behind it. */
static edb_status replace_step(fuser *f, uint32_t at, const edb_step *parts, uint32_t n) {
  edb_step *step = &f->p->steps.data[at];
  bool joined = step->joined;
  edb_span *write = edb_spans_find(&f->writes, edb_planner_place(f->p, step->result));
  EDB_ASSERT(write != NULL && write->value == at);
  write->place.width = 0;
  if (n == 0) {
    step->result = EDB_SLOT_NONE;
    part_from_next(f, at);
    return EDB_OK;
  }
  for (uint32_t i = 0; i < n; i++) {
    edb_step part = parts[i];
    part.joined = i > 0 || joined;
    if (i == 0)
      f->p->steps.data[at] = part;
    else
      EDB_TRY(insert_after(f, at, part));
    at = i == 0 ? at : next_step(f, at);
    EDB_TRY(add_write(f, at));
  }
  return EDB_OK;
}

/* Cuts columns begin .. end - 1 out of a step and leaves those on either side, and `middle` between
 * them if that is not NULL. */
static edb_status cut_step(fuser *f, uint32_t at, uint32_t begin, uint32_t end,
                           const edb_step *middle) {
  edb_step step = f->p->steps.data[at], parts[3];
  uint32_t width = edb_planner_slot(f->p, step.result)->width, n = 0;
  if (begin > 0) EDB_TRY(narrow_step(f->p, &step, 0, begin, &parts[n++]));
  if (middle) parts[n++] = *middle;
  if (end < width) EDB_TRY(narrow_step(f->p, &step, end, width - end, &parts[n++]));
  if (end - begin < width) share_numbers(f, &step);
  return replace_step(f, at, parts, n);
}

/* The first of a pair moves to the place of the second: its operands are values, and values do not
 * change. */
static edb_status join(fuser *f, step_pair pair) {
  edb_planner *p = f->p;
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
  part_from_next(f, pair.second);
  return cut_step(f, pair.first, begin, begin + width, NULL);
}

/* The first `width` columns of operand k of a step, from `first` on, that one step makes. */
static uint32_t written_together(const fuser *f, uint32_t step, uint32_t k, uint32_t first) {
  const edb_planner *p = f->p;
  edb_place place = edb_planner_place(p, p->steps.data[step].operand[k]);
  place.offset += first;
  place.width -= first;
  uint32_t writer = find_writer(f, (edb_place){place.slot, place.offset, 1});
  if (writer == NO_STEP) return place.width;
  edb_place all = edb_planner_place(p, p->steps.data[writer].result);
  uint32_t width = all.offset + all.width - place.offset;
  return width < place.width ? width : place.width;
}

/* A step whose operand k several steps make is cut where one of these can be joined with its part;
 * *part gets that part's step, or NO_STEP. */
static edb_status cut_by_writer(fuser *f, uint32_t at, uint32_t k, uint32_t *part) {
  edb_step step = f->p->steps.data[at], piece;
  uint32_t width = edb_planner_slot(f->p, step.result)->width, together;
  *part = NO_STEP;
  if (edb_planner_slot(f->p, step.operand[k])->width != width) return EDB_OK;
  for (uint32_t first = 0; first < width; first += together) {
    step_pair pair;
    if (first > 0 && f->failed[k]) return EDB_OK;
    together = written_together(f, at, k, first);
    if (together == width) return EDB_OK;
    EDB_TRY(narrow_step(f->p, &step, first, together, &piece));
    if (!find_pair(f, &piece, at, k, &pair)) continue;
    EDB_TRY(cut_step(f, at, first, first + together, &piece));
    *part = first > 0 ? next_step(f, at) : at;
    f->rest = first + together < width ? next_step(f, *part) : NO_STEP;
    return EDB_OK;
  }
  f->failed[k] = true;
  return EDB_OK;
}

/* Joins a step with those that make its operands, one after the other; *at becomes the last part of
 * it that was tried. */
static edb_status fuse_step(fuser *f, uint32_t *at) {
  const edb_planner *p = f->p;
  if (*at != f->rest) memset(f->failed, 0, sizeof f->failed);
  for (uint32_t k = p->steps.data[*at].n_operands; k-- > 0;) {
    step_pair pair;
    uint32_t part;
    if (p->steps.data[*at].operand[k] == EDB_SLOT_NONE) continue;
    if (!find_pair(f, &p->steps.data[*at], *at, k, &pair)) {
      if (p->steps.data[*at].kind == EDB_STEP_FUSED) continue;
      EDB_TRY(cut_by_writer(f, *at, k, &part));
      if (part == NO_STEP) continue;
      *at = part;
      if (!find_pair(f, &p->steps.data[*at], *at, k, &pair)) return EDB_OK;
    }
    EDB_TRY(join(f, pair));
    k = p->steps.data[*at].n_operands;
  }
  return EDB_OK;
}

/* Steps that are left, in their order. */
static edb_status sort_steps(fuser *f) {
  edb_planner *p = f->p;
  EDB_VEC(edb_step) left = {0};
  if (!edb_vec_reserve(p->ctx, &left, p->steps.length))
    return edb_fail_memory(p->error, p->steps.length * sizeof *left.data, "the steps of a plan");
  for (uint32_t i = 0; i != NO_STEP; i = next_step(f, i))
    if (!is_dead(&p->steps.data[i])) left.data[left.length++] = p->steps.data[i];
  edb_vec_swap(&left, &p->steps);
  edb_vec_free(p->ctx, &left);
  return EDB_OK;
}

static bool can_be_fused(const edb_planner *p, uint32_t step) {
  EDB_ASSERT(p->steps.data != NULL && step < p->steps.length);
  return !is_dead(&p->steps.data[step]) && is_plain(p, &p->steps.data[step]);
}

static edb_status fuse(fuser *f) {
  EDB_TRY(note_steps(f));
  for (uint32_t i = 0; i != NO_STEP; i = next_step(f, i))
    if (can_be_fused(f->p, i)) EDB_TRY(fuse_step(f, &i));
  return sort_steps(f);
}

edb_status edb_plan_fuse(edb_planner *p) {
  fuser f = {.p = p, .rest = NO_STEP};
  if (p->steps.length == 0) return EDB_OK;
  edb_spans_init(&f.alone, p->ctx);
  edb_spans_init(&f.writes, p->ctx);
  edb_status status = fuse(&f);
  edb_spans_free(&f.alone);
  edb_spans_free(&f.writes);
  edb_vec_free(p->ctx, &f.next);
  return status;
}
