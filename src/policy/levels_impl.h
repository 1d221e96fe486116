/* policy/levels_impl.h: what the files of levels share. */
#ifndef EDB_POLICY_LEVELS_IMPL_H
#define EDB_POLICY_LEVELS_IMPL_H

#include "policy/levels.h"

#define EDB_LEVELS_NONE UINT32_MAX

/* Both in one word, so that an input costs one load. */
static inline uint64_t edb_levels_key(uint32_t type, uint32_t batch) {
  return (uint64_t)type << 32 | batch;
}

static inline uint32_t edb_levels_batch_of(uint64_t key) {
  return (uint32_t)key;
}

/* A new batch of a type behind `before`, the last one so far of `leader`, a type. */
static inline uint32_t edb_levels_add_batch(edb_levels *l, uint32_t type, uint32_t before,
                                            uint32_t leader) {
  uint32_t batch = l->dag->n_types + l->n_batches++;
  l->next[before] = batch;
  l->next[batch] = EDB_LEVELS_NONE;
  l->size[batch] = 0;
  l->type[batch] = type;
  l->last[leader] = batch;
  return batch;
}

#endif
