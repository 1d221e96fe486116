/* data/jsonl_order.c: an order in which every node comes after those it refers to: the order of the
 * input where that will do, else depth first, keeping to the input's order as far as it can. */
#include <stdio.h>

#include "data/jsonl.h"

enum { WHITE, GREY, BLACK }; /* not begun, on the stack, ordered */

/* All references are to nodes of the line; *identity: all of them to earlier ones. */
static edb_status check_refs(const edb_jsonl *l, bool *identity, edb_error *error) {
  *identity = true;
  for (uint32_t i = 0; i < l->nodes.length; i++) {
    const edb_jsonl_node *node = &l->nodes.data[i];
    for (uint32_t r = 0; r < node->n_refs; r++) {
      const edb_jsonl_ref *ref = &l->refs.data[node->first_ref + r];
      if (ref->node < 0 || (uint64_t)ref->node >= l->nodes.length) {
        edb_place place = edb_jsonl_place(l, ref->column);
        return edb_fail_at(error, EDB_ERROR_ARGUMENT, place.file, place.line, place.column,
                           "found a reference to node %lld, expected 0 to %zu",
                           (long long)ref->node, l->nodes.length - 1);
      }
      if (ref->node >= i) *identity = false;
    }
  }
  return EDB_OK;
}

/* The nodes on the stack from `first` on refer to each other in a ring. */
static edb_status fail_cycle(const edb_jsonl *l, uint32_t first, edb_error *error) {
  edb_name_list names = {.count = 0};
  size_t at = l->stack.length;
  do at--;
  while (l->stack.data[at] != first);
  for (; at < l->stack.length; at++) {
    char number[16];
    (void)snprintf(number, sizeof number, "%u", l->stack.data[at]);
    edb_name_list_add(&names, number);
  }
  edb_place place = edb_jsonl_place(l, l->nodes.data[first].column);
  if (names.count == 1)
    return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                       "found node %u as its own input", first);
  return edb_fail_at(error, EDB_ERROR_FORMAT, place.file, place.line, place.column,
                     "found a cycle: each of the nodes %s refers to the next, the last to node %u",
                     names.text, first);
}

/* One step with the node on top of the stack: to its next reference, or off the stack. */
static edb_status step(edb_jsonl *l, edb_error *error) {
  uint32_t i = l->stack.data[l->stack.length - 1];
  uint32_t *next = &l->stack_next.data[l->stack_next.length - 1];
  const edb_jsonl_node *node = &l->nodes.data[i];
  if (*next == node->n_refs) {
    l->colour.data[i] = BLACK;
    l->position.data[i] = (uint32_t)l->order.length;
    l->order.data[l->order.length++] = i;
    l->stack.length--;
    l->stack_next.length--;
    return EDB_OK;
  }
  uint32_t input = (uint32_t)l->refs.data[node->first_ref + (*next)++].node;
  if (l->colour.data[input] == BLACK) return EDB_OK;
  if (l->colour.data[input] == GREY) return fail_cycle(l, input, error);
  l->colour.data[input] = GREY;
  l->stack.data[l->stack.length++] = input;
  l->stack_next.data[l->stack_next.length++] = 0;
  return EDB_OK;
}

/* Depth first with a stack of its own. Where the input's order will do, this is it: every node
 * finds its references ordered already. */
edb_status edb_jsonl_sort(edb_jsonl *l, bool *identity, edb_error *error) {
  size_t n = l->nodes.length;
  EDB_TRY(check_refs(l, identity, error));
  if (!edb_vec_reserve(l->ctx, &l->order, n) || !edb_vec_reserve(l->ctx, &l->position, n) ||
      !edb_vec_reserve(l->ctx, &l->colour, n) || !edb_vec_reserve(l->ctx, &l->stack, n) ||
      !edb_vec_reserve(l->ctx, &l->stack_next, n)) {
    return edb_fail_memory(error, n * sizeof(uint32_t), "the order of a line's nodes");
  }
  l->order.length = l->stack.length = l->stack_next.length = 0;
  l->position.length = n;
  for (uint32_t i = 0; i < n; i++) l->colour.data[i] = WHITE;
  for (uint32_t i = 0; i < n; i++) {
    if (l->colour.data[i] != WHITE) continue;
    l->colour.data[i] = GREY;
    l->stack.data[l->stack.length++] = i;
    l->stack_next.data[l->stack_next.length++] = 0;
    while (l->stack.length > 0) EDB_TRY(step(l, error));
  }
  return EDB_OK;
}
