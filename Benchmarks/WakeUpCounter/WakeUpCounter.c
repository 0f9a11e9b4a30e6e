// Found before libuv's own by everybody in the process, and asks the linker for the next one.

#define _GNU_SOURCE
#include "WakeUpCounter.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

static _Atomic uint64_t wakeups;

int uv_async_send(void *async) {
  static int (*_Atomic next)(void *);
  int (*send)(void *) = atomic_load_explicit(&next, memory_order_relaxed);
  if (send == NULL) {
    send = (int (*)(void *))dlsym(RTLD_NEXT, "uv_async_send");
    atomic_store_explicit(&next, send, memory_order_relaxed);
  }
  atomic_fetch_add_explicit(&wakeups, 1, memory_order_relaxed);
  return send(async);
}

uint64_t wakeup_counter_sent(void) {
  return atomic_load_explicit(&wakeups, memory_order_relaxed);
}
