/* base/map.h: open-addressing hash map from byte strings to uint32_t, keys compared in full.
 *
 * Keys are copied into the map. Used for names, words and FSM states; iteration order is insertion
 * order (entry 0 .. length - 1), so everything made from it is reproducible. */
#ifndef EDB_BASE_MAP_H
#define EDB_BASE_MAP_H

#include "base/memory.h"

typedef struct edb_map_entry {
  uint64_t hash;
  uint32_t key_offset, key_length, value;
} edb_map_entry;

typedef struct edb_map {
  edb_context *ctx;
  edb_map_entry *entries; /* in insertion order */
  uint32_t *slots;        /* entry + 1, or 0 */
  char *keys;             /* all key bytes, each with a 0 after it */
  size_t length, entry_capacity, slot_count, key_bytes, key_capacity;
  uint64_t seed; /* of its hashes; another one for every map */
} edb_map;

#define EDB_MAP_NONE UINT32_MAX

void edb_map_init(edb_map *map, edb_context *ctx);
void edb_map_free(edb_map *map);
/* EDB_MAP_NONE when the key is not there. */
uint32_t edb_map_get(const edb_map *map, const void *key, size_t key_length);
/* Sets or adds; false = no memory (map unchanged). Keys of at most UINT32_MAX bytes in all. */
bool edb_map_put(edb_map *map, const void *key, size_t key_length, uint32_t value);
/* Key of entry i, 0-terminated. */
const char *edb_map_key(const edb_map *map, size_t i);

uint64_t edb_hash(const void *bytes, size_t length);
/* For tables of what files hold: with a seed that is not known outside of the process nobody can
 * write a file whose entries all meet in one slot. Nothing but the time of a look-up may depend on
 * it. */
uint64_t edb_hash_from(uint64_t seed, const void *bytes, size_t length);
uint64_t edb_hash_seed(const edb_context *ctx, const void *table);
/* Another one, several times as fast on long blocks. */
uint64_t edb_hash_block(const void *bytes, size_t length);

#endif
