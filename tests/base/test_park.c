/* tests/base/test_park.c: threads that sleep until a word changes, by condition variables too. */
#define EDB_PARK_PORTABLE
#define edb_park_init portable_park_init
#define edb_park_free portable_park_free
#define edb_park_wait portable_park_wait
#define edb_park_wake portable_park_wake
#define edb_park_spin portable_park_spin
#include "base/park.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef struct bed {
  edb_park park;
  atomic_uint word, awake;
} bed;

static void *sleep_until_changed(void *argument) {
  bed *b = argument;
  while (atomic_load(&b->word) == 0) edb_park_wait(&b->park, &b->word, 0);
  atomic_fetch_add(&b->awake, 1);
  return NULL;
}

static void a_change_wakes_all_sleepers(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    bed b = {0};
    pthread_t threads[3];
    assert_true(edb_park_init(&b.park));
    for (int i = 0; i < 3; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, sleep_until_changed, &b), 0);
    if (round % 2) edb_park_spin(&b.word, 0, 100000);
    atomic_store(&b.word, 1);
    edb_park_wake(&b.park, &b.word);
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&b.awake), 3);
    edb_park_free(&b.park);
  }
}

static void looking_ends_when_the_word_is_another_or_time_is_up(void **state) {
  (void)state;
  atomic_uint word = 5;
  assert_true(edb_park_spin(&word, 4, 0));
  assert_false(edb_park_spin(&word, 5, 0));
  assert_false(edb_park_spin(&word, 5, 1000));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_change_wakes_all_sleepers),
      cmocka_unit_test(looking_ends_when_the_word_is_another_or_time_is_up),
  };
  return cmocka_run_group_tests_name("park", tests, NULL, NULL);
}
