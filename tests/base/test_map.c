/* tests/base/test_map.c: the hash map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "support/faulty.h"

static size_t number_key(char key[16], uint32_t i) {
  return (size_t)snprintf(key, 16, "key%u", i);
}

static void an_empty_map_has_nothing(void **state) {
  (void)state;
  faulty f;
  edb_map map;
  edb_map_init(&map, faulty_context(&f, 0));
  assert_int_equal(edb_map_get(&map, "a", 1), EDB_MAP_NONE);
  assert_int_equal(edb_map_get(&map, NULL, 0), EDB_MAP_NONE);
  edb_map_free(&map);
  assert_int_equal(f.requests, 0);
  faulty_destroy(&f);
}

static void what_was_put_is_found_in_order(void **state) {
  (void)state;
  faulty f;
  edb_map map;
  edb_map_init(&map, faulty_context(&f, 0));
  char key[16];
  for (uint32_t i = 0; i < 5000; i++)
    assert_true(edb_map_put(&map, key, number_key(key, i), i * 2));
  assert_int_equal(map.length, 5000);
  for (uint32_t i = 0; i < 5000; i++) {
    size_t length = number_key(key, i);
    assert_int_equal(edb_map_get(&map, key, length), i * 2);
    assert_string_equal(edb_map_key(&map, i), key);
    assert_int_equal(map.entries[i].key_length, length);
  }
  assert_int_equal(edb_map_get(&map, key, number_key(key, 5000)), EDB_MAP_NONE);
  edb_map_free(&map);
  faulty_destroy(&f);
}

static void a_second_put_replaces_the_value(void **state) {
  (void)state;
  faulty f;
  edb_map map;
  edb_map_init(&map, faulty_context(&f, 0));
  assert_true(edb_map_put(&map, "word", 4, 1));
  assert_true(edb_map_put(&map, "word", 4, 2));
  assert_int_equal(map.length, 1);
  assert_int_equal(edb_map_get(&map, "word", 4), 2);
  edb_map_free(&map);
  faulty_destroy(&f);
}

static void keys_are_bytes_of_any_value_and_length(void **state) {
  (void)state;
  faulty f;
  edb_map map;
  edb_map_init(&map, faulty_context(&f, 0));
  char zeros[40] = {0};
  for (uint32_t length = 0; length < 40; length++)
    assert_true(edb_map_put(&map, zeros, length, length));
  assert_int_equal(map.length, 40);
  for (uint32_t length = 0; length < 40; length++)
    assert_int_equal(edb_map_get(&map, zeros, length), length);
  assert_int_equal(edb_map_get(&map, "\1", 1), EDB_MAP_NONE);
  edb_map_free(&map);
  faulty_destroy(&f);
}

static void equal_hashes_do_not_make_equal_keys(void **state) {
  (void)state;
  faulty f;
  edb_map map;
  edb_map_init(&map, faulty_context(&f, 0));
  assert_true(edb_map_put(&map, "this", 4, 1));
  /* Another key's bytes under the same stored hash: only the full comparison can tell them apart.
   */
  memcpy(map.keys, "that", 4);
  assert_int_equal(edb_map_get(&map, "this", 4), EDB_MAP_NONE);
  assert_true(edb_map_put(&map, "this", 4, 2));
  assert_int_equal(map.length, 2);
  assert_int_equal(edb_map_get(&map, "this", 4), 2);
  edb_map_free(&map);
  faulty_destroy(&f);
}

static void without_memory_the_map_is_unchanged(void **state) {
  (void)state;
  faulty f;
  FAULTY_FOR_EACH(&f, ctx) {
    edb_map map;
    edb_map_init(&map, ctx);
    char key[16];
    for (uint32_t i = 0; i < 100; i++) {
      size_t length = number_key(key, i);
      size_t before = map.length;
      bool put = edb_map_put(&map, key, length, i);
      assert_int_equal(map.length, before + put);
      assert_int_equal(edb_map_get(&map, key, length), put ? i : EDB_MAP_NONE);
    }
    for (size_t i = 0; i < map.length; i++) {
      const edb_map_entry *entry = &map.entries[i];
      assert_int_equal(edb_map_get(&map, edb_map_key(&map, i), entry->key_length), entry->value);
    }
    edb_map_free(&map);
  }
  assert_true(f.fail_at > 5);
}

static void the_hash_depends_on_every_byte_and_the_length(void **state) {
  (void)state;
  unsigned char bytes[32] = {0};
  for (size_t length = 0; length < 32; length++) {
    uint64_t hash = edb_hash(bytes, length);
    assert_true(hash != edb_hash(bytes, length + (length < 31 ? 1 : -1)));
    assert_true(hash == edb_hash_from(0, bytes, length));
    assert_true(hash != edb_hash_from(1, bytes, length));
    for (size_t i = 0; i < length; i++) {
      bytes[i] ^= 0x80;
      assert_true(edb_hash(bytes, length) != hash);
      bytes[i] ^= 0x80;
    }
  }
}

static void the_hash_of_a_block_depends_on_every_bit_and_the_length(void **state) {
  (void)state;
  unsigned char bytes[101] = {0};
  for (size_t length = 0; length < 101; length++) {
    uint64_t hash = edb_hash_block(bytes, length);
    assert_true(hash != edb_hash_block(bytes, length + (length < 100 ? 1 : -1)));
    for (size_t i = 0; i < 8 * length; i++) {
      bytes[i / 8] ^= (unsigned char)(1 << i % 8);
      assert_true(edb_hash_block(bytes, length) != hash);
      bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    }
  }
}

static void the_hash_of_a_block_depends_on_the_order_of_its_words(void **state) {
  (void)state;
  uint32_t words[64];
  for (uint32_t i = 0; i < 64; i++) words[i] = i;
  uint64_t hash = edb_hash_block(words, sizeof words);
  for (uint32_t i = 0; i < 64; i++) {
    for (uint32_t k = 0; k < i; k++) {
      words[i] = k;
      words[k] = i;
      assert_true(edb_hash_block(words, sizeof words) != hash);
      words[i] = i;
      words[k] = k;
    }
  }
}

static void the_hash_ignores_alignment(void **state) {
  (void)state;
  char text[64];
  for (size_t shift = 0; shift < 8; shift++) {
    memcpy(text + shift, "a longer key than a word", 24);
    assert_true(edb_hash(text + shift, 24) == edb_hash("a longer key than a word", 24));
  }
}

static void every_map_hashes_in_its_own_way_and_keeps_the_order(void **state) {
  (void)state;
  faulty f;
  edb_map maps[2];
  edb_context *ctx = faulty_context(&f, 0);
  for (int m = 0; m < 2; m++) {
    edb_map_init(&maps[m], ctx);
    for (uint32_t i = 0; i < 100; i++) {
      char key[16];
      size_t length = number_key(key, i);
      assert_true(edb_map_put(&maps[m], key, length, i));
    }
  }
  uint32_t same = 0;
  for (uint32_t i = 0; i < 100; i++) {
    same += maps[0].entries[i].hash == maps[1].entries[i].hash;
    assert_string_equal(edb_map_key(&maps[0], i), edb_map_key(&maps[1], i));
    assert_int_equal(maps[0].entries[i].value, maps[1].entries[i].value);
  }
  assert_int_equal(same, 0);
  for (int m = 0; m < 2; m++) edb_map_free(&maps[m]);
  faulty_destroy(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_map_has_nothing),
      cmocka_unit_test(what_was_put_is_found_in_order),
      cmocka_unit_test(a_second_put_replaces_the_value),
      cmocka_unit_test(keys_are_bytes_of_any_value_and_length),
      cmocka_unit_test(equal_hashes_do_not_make_equal_keys),
      cmocka_unit_test(without_memory_the_map_is_unchanged),
      cmocka_unit_test(the_hash_depends_on_every_byte_and_the_length),
      cmocka_unit_test(the_hash_of_a_block_depends_on_every_bit_and_the_length),
      cmocka_unit_test(the_hash_of_a_block_depends_on_the_order_of_its_words),
      cmocka_unit_test(the_hash_ignores_alignment),
      cmocka_unit_test(every_map_hashes_in_its_own_way_and_keeps_the_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
