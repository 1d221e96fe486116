/* tools/man.h: the manual page, made of what the commands say of themselves. */
#ifndef EDB_TOOLS_MAN_H
#define EDB_TOOLS_MAN_H

#include "options.h"

/* Prints edbatch(1) as roff, by the macros of man(7). */
void man_page(const command *const *commands, size_t n_commands);

#endif
