#ifndef STEPMILL_WAKEUP_COUNTER_H
#define STEPMILL_WAKEUP_COUNTER_H

// Counts wake-ups by standing in for uv_async_send, and passes every call on. Only for the
// program that counts.

#include <stdint.h>

/// How often any thread has woken a loop.
uint64_t wakeup_counter_sent(void);

#endif
