/* tests/support/executor.h: a host's executor: starts a thread for every task but the first. */
#ifndef EDB_TESTS_SUPPORT_EXECUTOR_H
#define EDB_TESTS_SUPPORT_EXECUTOR_H

#include <pthread.h>
#include <stdint.h>

#include <edbatch/base.h>

#define MOST_HOST_THREADS 16

typedef struct host_task {
  void (*task)(void *arg, uint32_t i);
  void *arg;
  uint32_t i;
  pthread_t thread;
} host_task;

static inline void *run_host_thread(void *argument) {
  host_task *t = argument;
  t->task(t->arg, t->i);
  return NULL;
}

static inline void run_on_threads(void *user, uint32_t n, void (*task)(void *arg, uint32_t i),
                                  void *arg) {
  host_task tasks[MOST_HOST_THREADS];
  (void)user;
  for (uint32_t i = 0; i < n; i++) {
    tasks[i] = (host_task){.task = task, .arg = arg, .i = i};
    if (i == 0 || pthread_create(&tasks[i].thread, NULL, run_host_thread, &tasks[i]) != 0)
      tasks[i].task = NULL;
  }
  for (uint32_t i = n; i-- > 0;) {
    if (tasks[i].task)
      pthread_join(tasks[i].thread, NULL);
    else
      task(arg, i);
  }
}

/* From the last to the first on the calling thread. */
static inline void run_backwards(void *user, uint32_t n, void (*task)(void *arg, uint32_t i),
                                 void *arg) {
  (void)user;
  for (uint32_t i = n; i-- > 0;) task(arg, i);
}

#endif
