/* base/park.h: threads that sleep until a word changes: a futex on Linux, a condition variable
 * elsewhere (or everywhere with EDB_PARK_PORTABLE). */
#ifndef EDB_BASE_PARK_H
#define EDB_BASE_PARK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__linux__) && !defined(EDB_PARK_PORTABLE)
#define EDB_PARK_FUTEX 1
#else
#define EDB_PARK_FUTEX 0
#endif

typedef struct edb_park {
#if EDB_PARK_FUTEX
  char nothing;
#else
  pthread_mutex_t mutex;
  pthread_cond_t changed;
#endif
} edb_park;

/* False: the system has none. */
bool edb_park_init(edb_park *park);
void edb_park_free(edb_park *park);

/* Sleeps while *word is `value`; may return earlier. */
void edb_park_wait(edb_park *park, const atomic_uint *word, uint32_t value);
/* Wakes all that sleep on the word, which has been changed before. */
void edb_park_wake(edb_park *park, const atomic_uint *word);

/* Looks at the word for about `ns` nanoseconds, at least once; whether it is `value` no more. */
bool edb_park_spin(const atomic_uint *word, uint32_t value, uint64_t ns);

#endif
