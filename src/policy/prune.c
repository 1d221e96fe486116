/* policy/prune.c: a batch whose nodes may all run later is not needed.
 *
 * Run backwards from the sinks, a word gives every node the latest letter that it can wait for;
 * letters that no node waits for go. What is left, run forwards, gives every node the earliest
 * letter, and again some may be left without. Both runs are O(n + E). */
#include "policy/prune.h"

#define ROUNDS 4

void edb_prune(const edb_part *part, edb_runner *runner, edb_word *word) {
  for (uint32_t round = 0; round < ROUNDS; round++) {
    uint32_t before = word->length;
    edb_runner_run(runner, part, true, word);
    EDB_ASSERT(runner->n_done == part->n_nodes);
    if (word->length == before) return;
    before = word->length;
    edb_runner_run(runner, part, false, word);
    EDB_ASSERT(runner->n_done == part->n_nodes);
    if (word->length == before) return;
  }
}
