/* base/file.c: files by POSIX calls: mapped or read whole, written beside and renamed. */
#define _XOPEN_SOURCE 700
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_READ_BYTES   ((size_t)64 * 1024)
#define TEMPORARY_ATTEMPTS 100

#if defined(PATH_MAX) && PATH_MAX > EDB_PATH_BYTES
#error "realpath() may write more than EDB_PATH_BYTES"
#endif

/* "PATH: what: the system's reason". */
static edb_status fail_io(edb_error *error, const char *path, const char *what, int reason) {
  char text[256] = "";
  if (strerror_r(reason, text, sizeof text) != 0)
    (void)snprintf(text, sizeof text, "error %d", reason);
  return edb_fail(error, EDB_ERROR_IO, "%s: %s: %s", path, what, text);
}

static void close_descriptor(int descriptor) {
  (void)close(descriptor); /* nothing that is wanted can be lost */
}

/* False when the system does not map this file (some special file systems); it is then read. */
static bool map_file(edb_file *file, int descriptor, size_t bytes) {
  void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (map == MAP_FAILED) return false;
  file->map = map;
  file->map_bytes = bytes;
  file->data = map;
  file->bytes = bytes;
  return true;
}

/* Reads to the end into a buffer that doubles; `map_bytes` is then its capacity and `map` NULL. */
static edb_status read_stream(edb_file *file, int descriptor, const char *path, edb_error *error) {
  char *buffer = NULL;
  size_t capacity = 0;
  size_t used = 0;
  edb_status status = EDB_OK;
  for (;;) {
    if (used == capacity) {
      size_t larger = capacity == 0 ? FIRST_READ_BYTES : capacity * 2;
      char *moved = larger > capacity ? edb_resize(file->ctx, buffer, capacity, larger) : NULL;
      if (moved == NULL) {
        status = edb_fail_memory(error, larger, path);
        break;
      }
      buffer = moved;
      capacity = larger;
    }
    ssize_t got = read(descriptor, buffer + used, capacity - used);
    if (got == 0) break;
    if (got > 0) used += (size_t)got;
    if (got < 0 && errno != EINTR) {
      status = fail_io(error, path, "cannot read", errno);
      break;
    }
  }
  if (status != EDB_OK || used == 0) {
    edb_free(file->ctx, buffer, capacity);
    return status;
  }
  file->data = buffer;
  file->bytes = used;
  file->map_bytes = capacity;
  return EDB_OK;
}

static edb_status read_descriptor(edb_file *file, int descriptor, const char *path,
                                  edb_error *error) {
  struct stat info;
  if (fstat(descriptor, &info) != 0) return fail_io(error, path, "cannot read", errno);
  if (S_ISDIR(info.st_mode)) return fail_io(error, path, "cannot read", EISDIR);
  /* Files of /proc say that they are regular and empty, and are not: a size of 0 is read too. */
  if (S_ISREG(info.st_mode) && info.st_size > 0) {
    if ((uintmax_t)info.st_size > SIZE_MAX) return fail_io(error, path, "cannot map", EFBIG);
    if (map_file(file, descriptor, (size_t)info.st_size)) return EDB_OK;
  }
  return read_stream(file, descriptor, path, error);
}

edb_status edb_file_open(edb_context *ctx, const char *path, edb_file *out, edb_error *error) {
  int descriptor = -1;
  do {
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) return fail_io(error, path, "cannot open", errno);
  edb_file file = {.ctx = ctx};
  edb_status status = read_descriptor(&file, descriptor, path, error);
  close_descriptor(descriptor);
  if (status == EDB_OK) *out = file;
  return status;
}

void edb_file_close(edb_file *file) {
  if (file->map != NULL)
    (void)munmap(file->map, file->map_bytes);
  else
    edb_free(file->ctx, (void *)(uintptr_t)file->data, file->map_bytes);
  *file = (edb_file){.ctx = file->ctx};
}

edb_status edb_file_make_writable(edb_file *file, edb_error *error) {
  if (file->map == NULL || mprotect(file->map, file->map_bytes, PROT_READ | PROT_WRITE) == 0)
    return EDB_OK;
  return edb_fail_memory(error, file->map_bytes, "copies of the pages of a mapped file");
}

/* 0 or the errno of the failure. */
static int write_all(int descriptor, const char *data, size_t bytes) {
  while (bytes > 0) {
    ssize_t done = write(descriptor, data, bytes);
    if (done == 0) return EIO; /* some devices; trying again would never end */
    if (done < 0 && errno != EINTR) return errno;
    if (done > 0) {
      data += done;
      bytes -= (size_t)done;
    }
  }
  return 0;
}

/* close may be the first to report a full disk (NFS). */
static int close_written(int descriptor, int failure) {
  if (close(descriptor) != 0 && failure == 0 && errno != EINTR) return errno;
  return failure;
}

/* Creates PATH.PID.N.tmp, the first N that does not exist; -1 and errno on failure. */
static int create_beside(const char *path, mode_t mode, char temporary[EDB_PATH_BYTES]) {
  for (int i = 0; i < TEMPORARY_ATTEMPTS; i++) {
    int length = snprintf(temporary, EDB_PATH_BYTES, "%s.%ld.%d.tmp", path, (long)getpid(), i);
    if (length < 0 || length >= EDB_PATH_BYTES) {
      errno = ENAMETOOLONG;
      return -1;
    }
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor >= 0 || (errno != EEXIST && errno != EINTR)) return descriptor;
  }
  return -1;
}

/* The file that a path leads to, and itself if it leads to none yet. */
static const char *follow(const char *path, char resolved[EDB_PATH_BYTES]) {
  return realpath(path, resolved) != NULL ? resolved : path;
}

edb_status edb_file_writer_open(const char *path, edb_file_writer *out, edb_error *error) {
  struct stat info;
  mode_t mode = 0666; /* less the umask */
  out->path = path;
  out->target = follow(path, out->resolved);
  out->failure = 0;
  out->in_place = false;
  if (stat(path, &info) == 0) {
    if (S_ISDIR(info.st_mode)) return fail_io(error, path, "cannot write", EISDIR);
    out->in_place = !S_ISREG(info.st_mode); /* a rename over /dev/null would destroy it */
    mode = info.st_mode & 0777;
  }
  out->descriptor = out->in_place ? open(path, O_WRONLY | O_CLOEXEC)
                                  : create_beside(out->target, mode, out->temporary);
  if (out->descriptor >= 0) return EDB_OK;
  return fail_io(error, path, out->in_place ? "cannot write" : "cannot create a file beside it",
                 errno);
}

void edb_file_writer_put(edb_file_writer *writer, const void *data, size_t bytes) {
  if (writer->failure == 0) writer->failure = write_all(writer->descriptor, data, bytes);
}

edb_status edb_file_writer_close(edb_file_writer *writer, edb_error *error) {
  int failure = writer->failure;
  /* Without this a crash after the rename could leave the new name with no content. */
  if (failure == 0 && !writer->in_place && fsync(writer->descriptor) != 0) failure = errno;
  failure = close_written(writer->descriptor, failure);
  if (failure == 0 && !writer->in_place && rename(writer->temporary, writer->target) != 0)
    failure = errno;
  if (failure == 0) return EDB_OK;
  if (!writer->in_place) (void)unlink(writer->temporary);
  return fail_io(error, writer->path, "cannot write", failure);
}

void edb_file_writer_abandon(edb_file_writer *writer) {
  close_descriptor(writer->descriptor);
  if (!writer->in_place) (void)unlink(writer->temporary);
}

edb_status edb_file_write_parts(const char *path, const edb_file_part *parts, size_t n_parts,
                                edb_error *error) {
  edb_file_writer writer;
  EDB_TRY(edb_file_writer_open(path, &writer, error));
  for (size_t i = 0; i < n_parts; i++) edb_file_writer_put(&writer, parts[i].data, parts[i].bytes);
  return edb_file_writer_close(&writer, error);
}

edb_status edb_file_write(const char *path, const void *data, size_t bytes, edb_error *error) {
  return edb_file_write_parts(path, &(edb_file_part){data, bytes}, 1, error);
}
