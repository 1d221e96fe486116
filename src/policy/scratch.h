/* policy/scratch.h: a context whose memory lies in one block of another context.
 *
 * Scheduling asks for some dozens of large blocks and gives all of them back. An allocator that
 * returns such blocks to the system and gets them again costs more page faults than many a schedule
 * costs time, so they are cut from one block that is asked for once. Blocks that come back in
 * reverse order are used again; what does not fit goes to the parent, one by one. Under
 * AddressSanitizer everything does, so that every block has red zones of its own. */
#ifndef EDB_POLICY_SCRATCH_H
#define EDB_POLICY_SCRATCH_H

#include "base/context.h"

typedef struct edb_scratch {
  edb_context ctx; /* what is made from it must be freed before the scratch */
  edb_context *parent;
  char *block; /* NULL: there was no memory for it; the parent may have some for less */
  size_t bytes, used;
} edb_scratch;

/* The scratch must stay where it is. */
void edb_scratch_init(edb_scratch *scratch, edb_context *parent, size_t bytes);
void edb_scratch_free(edb_scratch *scratch);

#endif
