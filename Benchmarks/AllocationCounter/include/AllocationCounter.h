#ifndef STEPMILL_ALLOCATION_COUNTER_H
#define STEPMILL_ALLOCATION_COUNTER_H

// Counts heap allocations by standing in for malloc and its kin, and passes every call on.
// Only for programs that measure.

#include <stdint.h>

/// Allocations that the calling thread has made.
uint64_t allocation_counter_made(void);

/// Bytes that the process holds on its heap now, as the allocator sizes them.
int64_t allocation_counter_bytes(void);

#endif
