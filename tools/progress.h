/* tools/progress.h: a progress bar on stderr, for work longer than a second; a line every half
 * minute where stderr is no terminal. */
#ifndef EDB_TOOLS_PROGRESS_H
#define EDB_TOOLS_PROGRESS_H

#include <stdint.h>

/* Cheap enough for inner loops: draws at most ten times a second, and nothing in the first second.
 */
void progress_show(const char *what, uint64_t done, uint64_t all);
/* Removes the bar, before other output and at the end of the work. */
void progress_clear(void);

#endif
