/* tools/output.h: standard output: what could not be written to it is an error. */
#ifndef EDB_TOOLS_OUTPUT_H
#define EDB_TOOLS_OUTPUT_H

/* To be called first: a standard stream that the caller has closed is opened such that using it
 * fails, so that no file that is opened later gets its number, and its output with it. */
void output_open(void);
/* To be called last: `code`, or EXIT_FAILED after a message if `code` is 0 and not all was written.
 */
int output_close(int code);

#endif
