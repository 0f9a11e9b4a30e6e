// The header is the module; what belongs to a thread has to be somewhere.
#include "CIntrinsics.h"

_Thread_local void *stepmill_own_loop;
_Thread_local uint32_t stepmill_own_thread_number;

uint32_t stepmill_number_thread(void) {
  static _Atomic uint32_t numbers;
  // 0 stands for a thread without a number: after four thousand million threads one shares its.
  stepmill_own_thread_number = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed) | 1u << 31;
  return stepmill_own_thread_number;
}
