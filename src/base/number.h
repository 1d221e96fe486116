/* base/number.h: decimal numbers, the same in every locale and correctly rounded.
 *
 * The C library's strtod and printf use the decimal point of the process's locale, which a library
 * does not own. Numbers here are those of RFC 8259: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]?
 * [0-9]+)? */
#ifndef EDB_BASE_NUMBER_H
#define EDB_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the longest prefix that is a number; 0 if none is. */
size_t edb_number_scan(const char *text, size_t length);

/* Value of a text that edb_number_scan took whole, rounded to nearest, ties to even; too large
 * gives an infinity, too small a zero with its sign. Time is linear in the length. */
double edb_number_value(const char *text, size_t length);

/* True when the number has neither fraction nor exponent and is within int64. */
bool edb_number_integer(const char *text, size_t length, int64_t *out);

#define EDB_NUMBER_BYTES 32

/* The shortest text that reads back as the same value, 0-terminated; gives its length. The value
 * must be finite. */
size_t edb_number_print_float(char out[EDB_NUMBER_BYTES], float value);
size_t edb_number_print_double(char out[EDB_NUMBER_BYTES], double value);

#endif
