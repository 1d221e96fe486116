/* layout/offsets.c: best-fit allocation of offsets over a sorted list of gaps. */
#include "layout/offsets.h"

#include <string.h>

void edb_offsets_init(edb_offsets *o, edb_context *ctx) {
  *o = (edb_offsets){.ctx = ctx};
}

void edb_offsets_free_all(edb_offsets *o) {
  edb_vec_free(o->ctx, &o->gaps);
}

static void remove_gap(edb_offsets *o, size_t i) {
  memmove(o->gaps.data + i, o->gaps.data + i + 1, (o->gaps.length - i - 1) * sizeof *o->gaps.data);
  o->gaps.length--;
}

size_t edb_offsets_take(edb_offsets *o, size_t size) {
  if (size == 0) return 0;
  size_t best = SIZE_MAX, least = SIZE_MAX; /* left over; what is too small leaves most */
  for (size_t i = 0; i < o->gaps.length; i++) {
    size_t left = o->gaps.data[i].size - size;
    bool better = left < least && left <= o->end;
    best = better ? i : best;
    least = better ? left : least;
  }
  if (best == SIZE_MAX) {
    size_t offset = o->end;
    o->end += size;
    if (o->end > o->peak) o->peak = o->end;
    return offset;
  }
  edb_gap *gap = &o->gaps.data[best];
  size_t offset = gap->offset;
  gap->offset += size;
  gap->size -= size;
  if (gap->size == 0) remove_gap(o, best);
  return offset;
}

static void shrink_end(edb_offsets *o, size_t offset) {
  o->end = offset;
  if (o->gaps.length == 0) return;
  edb_gap last = o->gaps.data[o->gaps.length - 1];
  if (last.offset + last.size != offset) return;
  o->end = last.offset;
  o->gaps.length--;
}

bool edb_offsets_give(edb_offsets *o, size_t offset, size_t size) {
  if (size == 0) return true;
  if (offset + size == o->end) {
    shrink_end(o, offset);
    return true;
  }
  size_t lo = 0, hi = o->gaps.length;
  while (lo < hi) {
    size_t mid = (lo + hi) / 2;
    if (o->gaps.data[mid].offset < offset)
      lo = mid + 1;
    else
      hi = mid;
  }
  bool joins_left = lo > 0 && o->gaps.data[lo - 1].offset + o->gaps.data[lo - 1].size == offset;
  bool joins_right = lo < o->gaps.length && offset + size == o->gaps.data[lo].offset;
  if (joins_left) {
    o->gaps.data[lo - 1].size += size;
    if (joins_right) {
      o->gaps.data[lo - 1].size += o->gaps.data[lo].size;
      remove_gap(o, lo);
    }
    return true;
  }
  if (joins_right) {
    o->gaps.data[lo].offset = offset;
    o->gaps.data[lo].size += size;
    return true;
  }
  if (!edb_vec_push(o->ctx, &o->gaps, (edb_gap){0, 0})) return false;
  memmove(o->gaps.data + lo + 1, o->gaps.data + lo,
          (o->gaps.length - 1 - lo) * sizeof *o->gaps.data);
  o->gaps.data[lo] = (edb_gap){offset, size};
  return true;
}
