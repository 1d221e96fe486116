/* tests/layout/test_spans.c: the ordered stretches of columns, against a sorted array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "layout/spans.h"
#include "support/faulty.h"

enum { MOST = 2000 };

static bool begins_after(edb_place a, edb_place b) {
  return a.slot > b.slot || (a.slot == b.slot && a.offset > b.offset);
}

static edb_place random_place(edb_rng *rng, uint32_t columns) {
  return (edb_place){edb_rng_below(rng, 3), edb_rng_below(rng, columns), edb_rng_below(rng, 9)};
}

/* Puts it behind all that begin where it does or before. */
static void insert(edb_span *sorted, uint32_t n, edb_span span) {
  for (; n > 0 && begins_after(sorted[n - 1].place, span.place); n--) sorted[n] = sorted[n - 1];
  sorted[n] = span;
}

static void assert_same_order(const edb_spans *spans, const edb_span *sorted, uint32_t n) {
  const edb_span *s = edb_spans_first(spans);
  for (uint32_t i = 0; i < n; i++, s = edb_spans_next(spans, s)) {
    assert_non_null(s);
    assert_int_equal(s->value, sorted[i].value);
    assert_memory_equal(&s->place, &sorted[i].place, sizeof s->place);
  }
  assert_null(s);
}

static void assert_found(const edb_spans *spans, const edb_span *sorted, uint32_t n,
                         edb_place place) {
  const edb_span *found = edb_spans_find(spans, place), *last = NULL;
  for (uint32_t i = 0; i < n && !begins_after(sorted[i].place, place); i++) last = &sorted[i];
  assert_int_equal(found != NULL, last != NULL);
  if (found) assert_int_equal(found->value, last->value);
}

static void spans_stand_in_order_and_are_found_by_their_columns(void **state) {
  (void)state;
  static edb_span sorted[MOST];
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  for (uint32_t columns = 1; columns <= 10000; columns *= 10) {
    edb_rng rng;
    edb_spans spans;
    edb_rng_seed(&rng, columns);
    edb_spans_init(&spans, ctx);
    for (uint32_t n = 0; n < MOST; n++) {
      edb_span span = {.place = random_place(&rng, columns), .value = n};
      insert(sorted, n, span);
      assert_int_equal(edb_spans_add(&spans, span.place, n, NULL), EDB_OK);
      assert_found(&spans, sorted, n + 1, random_place(&rng, columns));
    }
    assert_same_order(&spans, sorted, MOST);
    edb_spans_free(&spans);
  }
  edb_context_destroy(ctx);
}

static void where_there_are_no_spans_none_is_found(void **state) {
  (void)state;
  edb_context *ctx = NULL;
  assert_int_equal(edb_context_create(NULL, &ctx, NULL), EDB_OK);
  edb_spans spans;
  edb_spans_init(&spans, ctx);
  assert_null(edb_spans_first(&spans));
  assert_null(edb_spans_find(&spans, (edb_place){3, 4, 5}));
  edb_spans_free(&spans);
  edb_context_destroy(ctx);
}

static void spans_survive_every_failure_of_memory(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_spans spans;
    edb_error error = {0};
    edb_status status = EDB_OK;
    uint32_t n = 0;
    edb_spans_init(&spans, ctx);
    for (; n < 100 && status == EDB_OK; n += status == EDB_OK)
      status = edb_spans_add(&spans, (edb_place){0, 100 - n, 1}, n, &error);
    assert_true(faulty_status(&f, status));
    uint32_t left = n;
    for (const edb_span *s = edb_spans_first(&spans); s; s = edb_spans_next(&spans, s))
      assert_int_equal(s->value, --left);
    assert_int_equal(left, 0);
    edb_spans_free(&spans);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spans_stand_in_order_and_are_found_by_their_columns),
      cmocka_unit_test(where_there_are_no_spans_none_is_found),
      cmocka_unit_test(spans_survive_every_failure_of_memory),
  };
  return cmocka_run_group_tests_name("spans", tests, NULL, NULL);
}
