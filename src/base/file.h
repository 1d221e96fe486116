/* base/file.h: whole files, read or mapped, and atomic writes. */
#ifndef EDB_BASE_FILE_H
#define EDB_BASE_FILE_H

#include "base/memory.h"

#define EDB_PATH_BYTES 4096 /* of a file to write, with its terminating 0 */

typedef struct edb_file {
  const char *data; /* not 0-terminated; NULL when empty */
  size_t bytes;
  void *map; /* private: how to give it back */
  size_t map_bytes;
  edb_context *ctx;
} edb_file;

/* Maps a regular file read-only, or reads a pipe to its end. As long as a file is mapped nobody may
 * cut it: pages beyond its new end are gone, and touching them is a SIGBUS. Replacing it by a
 * rename, as edb_file_write does, is harmless. "-" is not special. Errors:
 * EDB_ERROR_IO with the path and the system's reason (a directory is one), EDB_ERROR_MEMORY. */
EDB_MUST_CHECK edb_status edb_file_open(edb_context *ctx, const char *path, edb_file *out,
                                        edb_error *error);
void edb_file_close(edb_file *file);
/* Lets `data` be written to (by casting its const away). The file on disk never changes: a page of
 * a mapping that is written becomes a copy of its own. EDB_ERROR_MEMORY. */
EDB_MUST_CHECK edb_status edb_file_make_writable(edb_file *file, edb_error *error);

/* A file in the making: it is written beside its path and takes it when it is whole, so that there
 * is the old file or the whole new one, never half. A symbolic link stays one: the file that it
 * leads to is replaced. Pipes, terminals and devices are written in place. The struct must not move
 * while it is open. */
typedef struct edb_file_writer {
  const char *path;   /* the caller's, until close */
  const char *target; /* private: what takes the new content: the path, or where its link leads */
  int descriptor;
  int failure; /* private: the errno of the first put that failed; later ones do nothing */
  bool in_place;
  char resolved[EDB_PATH_BYTES], temporary[EDB_PATH_BYTES];
} edb_file_writer;

/* EDB_ERROR_IO with the path and the system's reason; nothing is open then. */
EDB_MUST_CHECK edb_status edb_file_writer_open(const char *path, edb_file_writer *out,
                                               edb_error *error);
/* A failure is kept for close to report. */
void edb_file_writer_put(edb_file_writer *writer, const void *data, size_t bytes);
/* Makes the file the one of its path. EDB_ERROR_IO after a failed put too: then nothing is left of
 * it. */
EDB_MUST_CHECK edb_status edb_file_writer_close(edb_file_writer *writer, edb_error *error);
/* Leaves nothing of it. */
void edb_file_writer_abandon(edb_file_writer *writer);

/* One piece of a file to write. */
typedef struct edb_file_part {
  const void *data;
  size_t bytes;
} edb_file_part;

/* Writes the parts one after another, by a writer. */
EDB_MUST_CHECK edb_status edb_file_write_parts(const char *path, const edb_file_part *parts,
                                               size_t n_parts, edb_error *error);
EDB_MUST_CHECK edb_status edb_file_write(const char *path, const void *data, size_t bytes,
                                         edb_error *error);

/* A growing text. After a failed append `failed` stays set and later appends do nothing, so that a
 * writer checks once, at its end. With a sink the text goes there piece by piece and does not grow
 * beyond a piece and one append. */
typedef struct edb_text {
  edb_context *ctx;
  char *data; /* 0-terminated once anything was appended */
  size_t length, capacity;
  edb_file_writer *sink; /* NULL: none */
  bool failed;
} edb_text;

void edb_text_init(edb_text *text, edb_context *ctx);
void edb_text_free(edb_text *text);
void edb_text_append(edb_text *text, const char *bytes, size_t length);
/* What the sink has not had yet. */
void edb_text_flush(edb_text *text);
void edb_text_printf(edb_text *text, const char *format, ...) EDB_PRINTF(2, 3);

/* Of a number, a name or a literal. */
static inline bool edb_is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '-' || c == '+' || c == '.';
}

#define EDB_FOUND_BYTES 32

/* Names what stands at `at`, for an error text: a word or a character in double quotes, "byte
 * 0x07", "a double quote", "the end of the line" or, where at == end, "the end of the text". Gives
 * the buffer, or a constant. */
const char *edb_found(const char *at, const char *end, char buffer[EDB_FOUND_BYTES]);

#endif
