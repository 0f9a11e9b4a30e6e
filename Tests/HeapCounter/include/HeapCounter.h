#ifndef STEPMILL_HEAP_COUNTER_H
#define STEPMILL_HEAP_COUNTER_H

// Counts the heap allocations of each thread by standing in for malloc and its kin. Every call is
// passed on. For tests only.

#include <stdbool.h>
#include <stdint.h>

/// Allocations that the calling thread has made.
uint64_t heap_counter_made(void);

/// False where nothing is counted: with a sanitizer, which has an allocator of its own, and with
/// another C library.
bool heap_counter_counts(void);

#endif
