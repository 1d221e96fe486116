/* tools/output.h: standard output: what could not be written to it is an error; JSON on it. */
#ifndef EDB_TOOLS_OUTPUT_H
#define EDB_TOOLS_OUTPUT_H

#include <jansson.h>

/* What follows a counted noun: "1 node", "2 nodes". */
#define PLURAL(n) ((n) == 1 ? "" : "s")

/* To be called first: a standard stream that the caller has closed is opened such that using it
 * fails, so that no file that is opened later gets its number, and its output with it. */
void output_open(void);
/* To be called last: `code`, or EXIT_FAILED after a message if `code` is 0 and not all was written.
 */
int output_close(int code);

/* null where a number is not finite: JSON has no such numbers. */
json_t *output_number(double number);
/* A line, or lines, by flags of jansson; takes the object. That there is none, because jansson had
 * no memory for it, is what output_close then says. */
void output_json(json_t *object, size_t flags);

#endif
