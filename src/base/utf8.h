/* base/utf8.h: checking UTF-8 (RFC 3629). */
#ifndef EDB_BASE_UTF8_H
#define EDB_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes (1-4) of the character that begins at `at`, 0 if none well-formed does: overlong forms,
 * surrogates, code points above 10FFFF and cut sequences are not. Requires at < end. */
size_t edb_utf8_length(const char *at, const char *end);

/* Writes a code point (not a surrogate, at most 10FFFF) as 1-4 bytes; gives their number. */
size_t edb_utf8_encode(uint32_t code, char out[4]);

#endif
