/* tests/base/test_file.c: reading whole files and writing them atomically. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "support/faulty.h"

/* An empty directory of each test's own, and a path in it. */
typedef struct folder {
  char path[64];
  char file[96];
} folder;

static int make_folder(void **state) {
  folder *d = calloc(1, sizeof *d);
  if (d == NULL) return -1;
  (void)snprintf(d->path, sizeof d->path, "/tmp/edbatch_file_XXXXXX");
  if (mkdtemp(d->path) == NULL) return -1;
  (void)snprintf(d->file, sizeof d->file, "%s/file", d->path);
  *state = d;
  return 0;
}

static size_t count_entries(const folder *d) {
  DIR *dir = opendir(d->path);
  assert_non_null(dir);
  size_t count = 0;
  while (readdir(dir) != NULL) count++;
  closedir(dir);
  return count - 2; /* . and .. */
}

static int remove_folder(void **state) {
  folder *d = *state;
  (void)unlink(d->file);
  int failed = rmdir(d->path); /* also: nothing else was left in it */
  free(d);
  return failed;
}

static void put_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}

static void assert_file_is(const char *path, const char *text) {
  faulty f;
  edb_file file;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), path, &file, NULL), EDB_OK);
  assert_int_equal(file.bytes, strlen(text));
  if (file.bytes != 0) assert_memory_equal(file.data, text, file.bytes);
  edb_file_close(&file);
  assert_null(file.data);
  faulty_destroy(&f);
}

static void a_regular_file_is_mapped_not_copied(void **state) {
  folder *d = *state;
  put_file(d->file, "some text");
  faulty f;
  edb_file file;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), d->file, &file, NULL), EDB_OK);
  assert_int_equal(f.requests, 0);
  assert_int_equal(file.bytes, 9);
  assert_memory_equal(file.data, "some text", 9);
  edb_file_close(&file);
  edb_file_close(&file);
  faulty_destroy(&f);
}

static void an_empty_file_has_no_data(void **state) {
  folder *d = *state;
  put_file(d->file, "");
  faulty f;
  edb_file file;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), d->file, &file, NULL), EDB_OK);
  assert_null(file.data);
  assert_int_equal(file.bytes, 0);
  edb_file_close(&file);
  faulty_destroy(&f);
}

#define PIPE_BYTES 300001

static void *feed_pipe(void *path) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return path;
  for (int i = 0; i < PIPE_BYTES; i++) (void)fputc('a' + i % 26, file);
  return fclose(file) == 0 ? NULL : path;
}

static void a_pipe_is_read_to_its_end(void **state) {
  folder *d = *state;
  assert_int_equal(mkfifo(d->file, 0600), 0);
  pthread_t writer;
  assert_int_equal(pthread_create(&writer, NULL, feed_pipe, d->file), 0);
  faulty f;
  edb_file file;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), d->file, &file, NULL), EDB_OK);
  void *failed = d;
  assert_int_equal(pthread_join(writer, &failed), 0);
  assert_null(failed);
  assert_int_equal(file.bytes, PIPE_BYTES);
  for (int i = 0; i < PIPE_BYTES; i++) assert_int_equal(file.data[i], 'a' + i % 26);
  edb_file_close(&file);
  faulty_destroy(&f);
}

static void a_file_that_says_it_is_empty_is_read_all_the_same(void **state) {
  (void)state;
  if (access("/proc/self/status", R_OK) != 0) skip();
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_file file;
    edb_status status = edb_file_open(ctx, "/proc/self/status", &file, NULL);
    assert_true(faulty_status(&f, status));
    if (status != EDB_OK) continue;
    assert_true(file.bytes > 0);
    edb_file_close(&file);
  }
}

static void a_missing_file_is_named_with_the_reason(void **state) {
  folder *d = *state;
  faulty f;
  edb_file file = {.bytes = 77};
  edb_error error;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), d->file, &file, &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, d->file));
  assert_non_null(strstr(error.text, "No such file"));
  assert_int_equal(file.bytes, 77);
  faulty_destroy(&f);
}

static void a_directory_is_no_file(void **state) {
  folder *d = *state;
  faulty f;
  edb_file file;
  edb_error error;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), d->path, &file, &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "directory"));
  assert_int_equal(edb_file_write(d->path, "x", 1, &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, "directory"));
  faulty_destroy(&f);
}

static void written_files_read_back(void **state) {
  folder *d = *state;
  assert_int_equal(edb_file_write(d->file, "first", 5, NULL), EDB_OK);
  assert_file_is(d->file, "first");
  assert_int_equal(edb_file_write(d->file, "second time", 11, NULL), EDB_OK);
  assert_file_is(d->file, "second time");
  assert_int_equal(edb_file_write(d->file, NULL, 0, NULL), EDB_OK);
  assert_file_is(d->file, "");
  assert_int_equal(count_entries(d), 1);
}

static void an_open_old_file_stays_whole_while_it_is_replaced(void **state) {
  folder *d = *state;
  put_file(d->file, "old words");
  faulty f;
  edb_file file;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), d->file, &file, NULL), EDB_OK);
  assert_int_equal(edb_file_write(d->file, "new", 3, NULL), EDB_OK);
  assert_memory_equal(file.data, "old words", 9);
  edb_file_close(&file);
  assert_file_is(d->file, "new");
  faulty_destroy(&f);
}

static void a_replaced_file_keeps_its_permissions(void **state) {
  folder *d = *state;
  put_file(d->file, "secret");
  assert_int_equal(chmod(d->file, 0600), 0);
  assert_int_equal(edb_file_write(d->file, "new secret", 10, NULL), EDB_OK);
  struct stat info;
  assert_int_equal(stat(d->file, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_link_stays_one_and_the_file_it_leads_to_is_replaced(void **state) {
  folder *d = *state;
  char link[128];
  struct stat info;
  (void)snprintf(link, sizeof link, "%s/link", d->path);
  put_file(d->file, "old");
  assert_int_equal(symlink("file", link), 0);
  assert_int_equal(edb_file_write(link, "new", 3, NULL), EDB_OK);
  assert_int_equal(lstat(link, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  assert_file_is(d->file, "new");
  assert_int_equal(count_entries(d), 2);
  assert_int_equal(unlink(link), 0);
}

static void a_directory_that_is_not_there_is_an_error(void **state) {
  folder *d = *state;
  char path[160];
  (void)snprintf(path, sizeof path, "%s/none/file", d->path);
  edb_error error;
  assert_int_equal(edb_file_write(path, "x", 1, &error), EDB_ERROR_IO);
  assert_non_null(strstr(error.text, path));
  assert_int_equal(count_entries(d), 0);
}

static void a_path_that_is_too_long_is_an_error(void **state) {
  (void)state;
  char path[8192];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  faulty f;
  edb_file file;
  assert_int_equal(edb_file_open(faulty_context(&f, 0), path, &file, NULL), EDB_ERROR_IO);
  assert_int_equal(edb_file_write(path, "x", 1, NULL), EDB_ERROR_IO);
  faulty_destroy(&f);
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state) {
  folder *d = *state;
  put_file(d->file, "old");
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  char data[5000] = {0};
  edb_error error;
  edb_status status = edb_file_write(d->file, data, sizeof data, &error);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)signal(SIGXFSZ, handler);
  assert_int_equal(status, EDB_ERROR_IO);
  assert_non_null(strstr(error.text, d->file));
  assert_file_is(d->file, "old");
  assert_int_equal(count_entries(d), 1);
}

static void an_abandoned_file_leaves_the_old_one_and_nothing_else(void **state) {
  folder *d = *state;
  put_file(d->file, "old");
  edb_file_writer writer;
  assert_int_equal(edb_file_writer_open(d->file, &writer, NULL), EDB_OK);
  edb_file_writer_put(&writer, "new", 3);
  assert_int_equal(count_entries(d), 2);
  edb_file_writer_abandon(&writer);
  assert_file_is(d->file, "old");
  assert_int_equal(count_entries(d), 1);
}

static void a_text_with_a_sink_keeps_a_piece_only(void **state) {
  folder *d = *state;
  faulty f;
  edb_file_writer writer;
  edb_text text;
  edb_file file;
  char expected[32];
  assert_int_equal(edb_file_writer_open(d->file, &writer, NULL), EDB_OK);
  edb_text_init(&text, faulty_context(&f, 0));
  text.sink = &writer;
  for (int i = 0; i < 100000; i++) edb_text_printf(&text, "line %06d\n", i);
  edb_text_append(&text, "end", 3);
  assert_false(text.failed);
  assert_true(text.capacity <= (size_t)256 * 1024);
  edb_text_flush(&text);
  assert_int_equal(edb_file_writer_close(&writer, NULL), EDB_OK);
  edb_text_free(&text);
  assert_int_equal(edb_file_open(f.ctx, d->file, &file, NULL), EDB_OK);
  assert_int_equal(file.bytes, 100000 * 12 + 3);
  for (int i = 0; i < 100000; i++) {
    (void)snprintf(expected, sizeof expected, "line %06d\n", i);
    assert_memory_equal(file.data + (size_t)12 * (size_t)i, expected, 12);
  }
  edb_file_close(&file);
  faulty_destroy(&f);
}

static void a_sink_that_is_full_fails_the_text(void **state) {
  (void)state;
  if (access("/dev/full", W_OK) != 0) skip();
  faulty f;
  edb_file_writer writer;
  edb_text text;
  assert_int_equal(edb_file_writer_open("/dev/full", &writer, NULL), EDB_OK);
  edb_text_init(&text, faulty_context(&f, 0));
  text.sink = &writer;
  edb_text_append(&text, "x", 1);
  edb_text_flush(&text);
  assert_true(text.failed);
  assert_int_equal(edb_file_writer_close(&writer, NULL), EDB_ERROR_IO);
  edb_text_free(&text);
  faulty_destroy(&f);
}

static void a_device_is_written_and_not_replaced(void **state) {
  (void)state;
  assert_int_equal(edb_file_write("/dev/null", "x", 1, NULL), EDB_OK);
  struct stat info;
  assert_int_equal(stat("/dev/null", &info), 0);
  assert_true(S_ISCHR(info.st_mode));
  if (access("/dev/full", W_OK) == 0)
    assert_int_equal(edb_file_write("/dev/full", "x", 1, NULL), EDB_ERROR_IO);
}

#define FOLDER_TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      FOLDER_TEST(a_regular_file_is_mapped_not_copied),
      FOLDER_TEST(an_empty_file_has_no_data),
      FOLDER_TEST(a_pipe_is_read_to_its_end),
      cmocka_unit_test(a_file_that_says_it_is_empty_is_read_all_the_same),
      FOLDER_TEST(a_missing_file_is_named_with_the_reason),
      FOLDER_TEST(a_directory_is_no_file),
      FOLDER_TEST(written_files_read_back),
      FOLDER_TEST(an_open_old_file_stays_whole_while_it_is_replaced),
      FOLDER_TEST(a_replaced_file_keeps_its_permissions),
      FOLDER_TEST(a_link_stays_one_and_the_file_it_leads_to_is_replaced),
      FOLDER_TEST(a_directory_that_is_not_there_is_an_error),
      cmocka_unit_test(a_path_that_is_too_long_is_an_error),
      FOLDER_TEST(a_failed_write_leaves_the_old_file_and_nothing_else),
      FOLDER_TEST(an_abandoned_file_leaves_the_old_one_and_nothing_else),
      FOLDER_TEST(a_text_with_a_sink_keeps_a_piece_only),
      cmocka_unit_test(a_sink_that_is_full_fails_the_text),
      cmocka_unit_test(a_device_is_written_and_not_replaced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
