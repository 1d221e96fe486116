/* base/park.c: see park.h. */
#define _GNU_SOURCE
#include "base/park.h"

#include "base/clock.h"

#if EDB_PARK_FUTEX

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

bool edb_park_init(edb_park *park) {
  park->nothing = 0;
  return true;
}

void edb_park_free(edb_park *park) {
  (void)park;
}

void edb_park_wait(edb_park *park, const atomic_uint *word, uint32_t value) {
  (void)park;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void edb_park_wake(edb_park *park, const atomic_uint *word) {
  (void)park;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

#else

bool edb_park_init(edb_park *park) {
  if (pthread_mutex_init(&park->mutex, NULL) != 0) return false;
  if (pthread_cond_init(&park->changed, NULL) == 0) return true;
  pthread_mutex_destroy(&park->mutex);
  return false;
}

void edb_park_free(edb_park *park) {
  pthread_cond_destroy(&park->changed);
  pthread_mutex_destroy(&park->mutex);
}

void edb_park_wait(edb_park *park, const atomic_uint *word, uint32_t value) {
  pthread_mutex_lock(&park->mutex);
  while (atomic_load(word) == value) pthread_cond_wait(&park->changed, &park->mutex);
  pthread_mutex_unlock(&park->mutex);
}

/* Under the mutex a sleeper either has seen the change or waits already. */
void edb_park_wake(edb_park *park, const atomic_uint *word) {
  (void)word;
  pthread_mutex_lock(&park->mutex);
  pthread_cond_broadcast(&park->changed);
  pthread_mutex_unlock(&park->mutex);
}

#endif

/* Tells the processor that this is a loop that waits: it leaves the core to its other thread. */
static inline void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#define LOOKS 64 /* between two looks at the clock */

bool edb_park_spin(const atomic_uint *word, uint32_t value, uint64_t ns) {
  uint64_t begin = 0;
  for (;;) {
    for (int i = 0; i < LOOKS; i++) {
      if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
      if (ns == 0) return false;
      pause_core();
    }
    uint64_t now = edb_clock_ns();
    if (begin == 0) begin = now;
    if (now - begin >= ns) return false;
  }
}
