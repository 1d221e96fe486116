/* layout/fuse.h: joins pairs of elementwise steps of a plan into one pass. */
#ifndef EDB_LAYOUT_FUSE_H
#define EDB_LAYOUT_FUSE_H

#include "layout/plan.h"

/* Joins what can be joined among `steps` (in place, in order) and returns how many are left. `uses`
 * has room for a number per slot. */
uint32_t edb_fuse_steps(const edb_ir_cell *cell, const edb_slot *slots, uint32_t n_slots,
                        edb_step *steps, uint32_t n_steps, uint32_t *uses);

#endif
