/* base/map.c: open addressing with linear probing; slots hold entry numbers, entries stay in order.
 */
#include "base/map.h"

#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/vec.h"

#define MIN_SLOTS 16

static uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= UINT64_C(0xd6e8feb86659fd93);
  x ^= x >> 32;
  x *= UINT64_C(0xd6e8feb86659fd93);
  return x ^ (x >> 32);
}

/* Little-endian on every machine, since seeds of named random streams come from it too. */
static uint64_t load_le(const unsigned char *bytes, size_t count) {
  uint64_t word = 0;
  memcpy(&word, bytes, count);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

uint64_t edb_hash_from(uint64_t seed, const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  uint64_t hash = mix(seed ^ ((uint64_t)length + UINT64_C(0x9e3779b97f4a7c15)));
  for (; length >= 8; at += 8, length -= 8) hash = mix(hash ^ load_le(at, 8));
  if (length != 0) hash = mix(hash ^ load_le(at, length));
  return hash;
}

uint64_t edb_hash(const void *bytes, size_t length) {
  return edb_hash_from(0, bytes, length);
}

/* Words go to four chains that do not wait for each other. */
uint64_t edb_hash_block(const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  uint64_t lane[4] = {1, 2, 3, 4}, all = (uint64_t)length;
  for (; length >= 32; at += 32, length -= 32) {
    for (size_t i = 0; i < 4; i++) {
      uint64_t x = (lane[i] ^ load_le(at + 8 * i, 8)) * UINT64_C(0xd6e8feb86659fd93);
      lane[i] = x ^ (x >> 32);
    }
  }
  for (int i = 0; i < 4; i++) all = mix(all ^ lane[i]);
  return length == 0 ? all : mix(all ^ edb_hash(at, length));
}

void edb_map_init(edb_map *map, edb_context *ctx) {
  *map = (edb_map){.ctx = ctx};
}

void edb_map_free(edb_map *map) {
  edb_free(map->ctx, map->entries, map->entry_capacity * sizeof *map->entries);
  edb_free(map->ctx, map->slots, map->slot_count * sizeof *map->slots);
  edb_free(map->ctx, map->keys, map->key_capacity);
  edb_map_init(map, map->ctx);
}

static bool same_key(const edb_map *map, const edb_map_entry *entry, const void *key,
                     size_t length) {
  return entry->key_length == length &&
         (length == 0 || memcmp(map->keys + entry->key_offset, key, length) == 0);
}

/* The slot of the key, or the empty one where it would go. A slot is always empty: load <= 3/4. */
static size_t find_slot(const edb_map *map, uint64_t hash, const void *key, size_t length) {
  size_t mask = map->slot_count - 1;
  size_t i = (size_t)hash & mask;
  for (; map->slots[i] != 0; i = (i + 1) & mask) {
    const edb_map_entry *entry = &map->entries[map->slots[i] - 1];
    if (entry->hash == hash && same_key(map, entry, key, length)) break;
  }
  return i;
}

uint32_t edb_map_get(const edb_map *map, const void *key, size_t key_length) {
  if (map->length == 0) return EDB_MAP_NONE;
  uint64_t hash = edb_hash_from(map->seed, key, key_length);
  uint32_t slot = map->slots[find_slot(map, hash, key, key_length)];
  return slot == 0 ? EDB_MAP_NONE : map->entries[slot - 1].value;
}

/* Twice the slots, filled anew from the hashes of the entries. */
static bool grow_slots(edb_map *map) {
  size_t count = map->slot_count != 0 ? map->slot_count * 2 : MIN_SLOTS;
  size_t bytes = 0;
  if (!edb_mul_size(count, sizeof *map->slots, &bytes)) return false;
  uint32_t *slots = edb_alloc_zero(map->ctx, bytes);
  if (slots == NULL) return false;
  for (size_t entry = 0; entry < map->length; entry++) {
    size_t i = (size_t)map->entries[entry].hash & (count - 1);
    while (slots[i] != 0) i = (i + 1) & (count - 1);
    slots[i] = (uint32_t)entry + 1;
  }
  edb_free(map->ctx, map->slots, map->slot_count * sizeof *map->slots);
  map->slots = slots;
  map->slot_count = count;
  return true;
}

/* Room for one more entry with a key of this length, in all three arrays. */
static bool reserve_entry(edb_map *map, size_t key_length) {
  if (map->length >= UINT32_MAX - 1 || key_length >= UINT32_MAX - map->key_bytes) return false;
  if (map->length + 1 > map->slot_count / 4 * 3 && !grow_slots(map)) return false;
  size_t entries = map->length + 1;
  size_t key_bytes = map->key_bytes + key_length + 1;
  if (entries > map->entry_capacity)
    map->entries =
        edb_vec_grow(map->ctx, map->entries, &map->entry_capacity, entries, sizeof *map->entries);
  if (key_bytes > map->key_capacity)
    map->keys = edb_vec_grow(map->ctx, map->keys, &map->key_capacity, key_bytes, 1);
  return entries <= map->entry_capacity && key_bytes <= map->key_capacity;
}

uint64_t edb_hash_seed(const edb_context *ctx, const void *table) {
  return mix(mix((uint64_t)(uintptr_t)ctx ^ edb_clock_ns()) ^ (uint64_t)(uintptr_t)table);
}

bool edb_map_put(edb_map *map, const void *key, size_t key_length, uint32_t value) {
  EDB_ASSERT(value != EDB_MAP_NONE);
  if (map->length == 0) map->seed = edb_hash_seed(map->ctx, map);
  uint64_t hash = edb_hash_from(map->seed, key, key_length);
  if (map->length != 0) {
    uint32_t slot = map->slots[find_slot(map, hash, key, key_length)];
    if (slot != 0) {
      map->entries[slot - 1].value = value;
      return true;
    }
  }
  if (!reserve_entry(map, key_length)) return false;
  size_t i = find_slot(map, hash, key, key_length);
  map->entries[map->length] = (edb_map_entry){.hash = hash,
                                              .key_offset = (uint32_t)map->key_bytes,
                                              .key_length = (uint32_t)key_length,
                                              .value = value};
  if (key_length != 0) memcpy(map->keys + map->key_bytes, key, key_length);
  map->keys[map->key_bytes + key_length] = '\0';
  map->key_bytes += key_length + 1;
  map->slots[i] = (uint32_t)++map->length;
  return true;
}

const char *edb_map_key(const edb_map *map, size_t i) {
  EDB_ASSERT(i < map->length);
  return map->keys + map->entries[i].key_offset;
}
