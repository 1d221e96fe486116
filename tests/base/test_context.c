/* tests/base/test_context.c: making a context, its log, and what it knows of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/memory.h"
#include "support/faulty.h"

static void defaults_make_a_context(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  assert_int_equal(edb_context_simd(ctx), edb_cpu_simd());
  edb_context_destroy(ctx);
  edb_context_destroy(NULL);
}

static void a_params_struct_of_unknown_size_is_refused(void **state) {
  (void)state;
  size_t sizes[] = {0, 1, sizeof(edb_context_params) + 8, SIZE_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    edb_context_params params = {.struct_bytes = sizes[i]};
    edb_context *ctx = NULL;
    edb_error error = {0};
    assert_int_equal(edb_context_create(&params, &ctx, &error), EDB_ERROR_ARGUMENT);
    assert_non_null(strstr(error.text, "struct_bytes"));
    assert_null(ctx);
  }
}

static void params_of_an_older_program_are_read_as_far_as_they_go(void **state) {
  (void)state;
  edb_context_params params = {.struct_bytes = offsetof(edb_context_params, simd),
                               .simd = (edb_simd)77};
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_OK);
  assert_int_equal(edb_context_simd(ctx), edb_cpu_simd());
  edb_context_destroy(ctx);
}

static void a_missing_output_is_refused(void **state) {
  (void)state;
  assert_int_equal(edb_context_create(NULL, NULL, NULL), EDB_ERROR_ARGUMENT);
}

static void a_lower_simd_level_is_used(void **state) {
  (void)state;
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.simd = EDB_SIMD_PORTABLE;
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_OK);
  assert_int_equal(edb_context_simd(ctx), EDB_SIMD_PORTABLE);
  edb_context_destroy(ctx);
}

static void a_number_that_is_no_simd_level_is_refused(void **state) {
  (void)state;
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.simd = (edb_simd)(EDB_SIMD_NEON + 1);
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_ERROR_ARGUMENT);
  assert_null(ctx);
}

static void a_simd_level_of_other_machines_is_an_error(void **state) {
  (void)state;
  bool arm = edb_cpu_simd() == EDB_SIMD_NEON;
  edb_context_params params = EDB_PARAMS(edb_context_params);
  edb_context *ctx = NULL;
  edb_error error = {0};
  params.simd = arm ? EDB_SIMD_AVX512 : EDB_SIMD_NEON;
  assert_int_equal(edb_context_create(&params, &ctx, &error), EDB_ERROR_UNSUPPORTED);
  assert_non_null(strstr(error.text, arm ? "avx512" : "neon"));
  assert_null(ctx);
}

static void run_nothing(void *user, uint32_t n, void (*task)(void *arg, uint32_t i), void *arg) {
  (void)user, (void)n, (void)task, (void)arg;
}

static void an_executor_without_threads_is_refused(void **state) {
  (void)state;
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.executor.run = run_nothing;
  edb_context *ctx = NULL;
  edb_error error = {0};
  assert_int_equal(edb_context_create(&params, &ctx, &error), EDB_ERROR_ARGUMENT);
  assert_non_null(strstr(error.text, "0 threads"));
  assert_null(ctx);
}

static void *refuse(void *user, void *old, size_t old_bytes, size_t new_bytes, size_t alignment) {
  (void)user, (void)old, (void)old_bytes, (void)new_bytes, (void)alignment;
  return NULL;
}

static void without_memory_there_is_no_context(void **state) {
  (void)state;
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.allocator.resize = refuse;
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_ERROR_MEMORY);
  assert_null(ctx);
  params = (edb_context_params)EDB_PARAMS(edb_context_params);
  params.memory_cap_bytes = 1;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_ERROR_MEMORY);
  assert_null(ctx);
}

static void keep(void *user, edb_log_level level, const char *text) {
  (void)snprintf(user, 64, "%d %s", (int)level, text);
}

static void the_log_gets_level_and_text(void **state) {
  (void)state;
  char kept[64] = "";
  edb_context_params params = EDB_PARAMS(edb_context_params);
  params.log = keep;
  params.log_user = kept;
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(&params, &ctx, NULL), EDB_OK);
  edb_log(ctx, EDB_LOG_WARNING, "%d batches", 12);
  assert_string_equal(kept, "2 12 batches");
  edb_context_destroy(ctx);
}

static void without_a_log_nothing_happens(void **state) {
  (void)state;
  faulty f;
  edb_log(faulty_context(&f, 0), EDB_LOG_INFO, "%s", "dropped");
  faulty_destroy(&f);
}

static void simd_levels_have_names(void **state) {
  (void)state;
  assert_string_equal(edb_simd_name(EDB_SIMD_AUTO), "auto");
  assert_string_equal(edb_simd_name(EDB_SIMD_PORTABLE), "portable");
  assert_string_equal(edb_simd_name(EDB_SIMD_AVX2), "avx2");
  assert_string_equal(edb_simd_name(EDB_SIMD_AVX512), "avx512");
  assert_string_equal(edb_simd_name(EDB_SIMD_NEON), "neon");
  assert_non_null(edb_simd_name((edb_simd)77));
}

static void the_machine_is_described_sensibly(void **state) {
  (void)state;
  assert_true(edb_cpu_simd() != EDB_SIMD_AUTO);
  edb_cpu_caches caches = edb_cpu_cache_sizes();
  assert_true(caches.l1d_bytes >= 1024 && caches.l2_bytes >= 1024 && caches.l3_bytes >= 1024);
}

static void a_context_knows_the_caches_of_the_machine(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  edb_cpu_caches caches = edb_cpu_cache_sizes();
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  for (int asked = 0; asked < 2; asked++) {
    edb_cpu_caches same = edb_context_caches(ctx);
    assert_int_equal(same.l1d_bytes, caches.l1d_bytes);
    assert_int_equal(same.l2_bytes, caches.l2_bytes);
    assert_int_equal(same.l3_bytes, caches.l3_bytes);
  }
  edb_context_destroy(ctx);
}

static void the_clock_does_not_go_back(void **state) {
  (void)state;
  uint64_t before = edb_clock_ns();
  for (int i = 0; i < 1000; i++) {
    uint64_t now = edb_clock_ns();
    assert_true(now >= before);
    before = now;
  }
}

static void the_version_is_that_of_the_header(void **state) {
  (void)state;
  char expected[32];
  (void)snprintf(expected, sizeof expected, "%d.%d.%d", EDB_VERSION_MAJOR, EDB_VERSION_MINOR,
                 EDB_VERSION_PATCH);
  assert_string_equal(edb_version(), expected);
}

static void a_peak_can_be_begun_anew(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  size_t empty = edb_context_memory(ctx).current_bytes;
  void *block = edb_alloc(ctx, 1000);
  assert_non_null(block);
  edb_free(ctx, block, 1000);
  assert_int_equal(edb_context_memory(ctx).peak_bytes, empty + 1000);
  edb_context_reset_peak(ctx);
  assert_int_equal(edb_context_memory(ctx).peak_bytes, empty);
  block = edb_alloc(ctx, 10);
  assert_int_equal(edb_context_memory(ctx).peak_bytes, empty + 10);
  edb_free(ctx, block, 10);
  edb_context_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_peak_can_be_begun_anew),
      cmocka_unit_test(defaults_make_a_context),
      cmocka_unit_test(a_params_struct_of_unknown_size_is_refused),
      cmocka_unit_test(params_of_an_older_program_are_read_as_far_as_they_go),
      cmocka_unit_test(a_missing_output_is_refused),
      cmocka_unit_test(a_lower_simd_level_is_used),
      cmocka_unit_test(a_number_that_is_no_simd_level_is_refused),
      cmocka_unit_test(a_simd_level_of_other_machines_is_an_error),
      cmocka_unit_test(an_executor_without_threads_is_refused),
      cmocka_unit_test(without_memory_there_is_no_context),
      cmocka_unit_test(the_log_gets_level_and_text),
      cmocka_unit_test(without_a_log_nothing_happens),
      cmocka_unit_test(simd_levels_have_names),
      cmocka_unit_test(the_machine_is_described_sensibly),
      cmocka_unit_test(a_context_knows_the_caches_of_the_machine),
      cmocka_unit_test(the_clock_does_not_go_back),
      cmocka_unit_test(the_version_is_that_of_the_header),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
