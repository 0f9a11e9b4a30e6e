#ifndef STEPMILL_CINTRINSICS_H
#define STEPMILL_CINTRINSICS_H

// Header-only helpers that Swift has no spelling for. They hold no logic: each is a
// single machine idea (a byte scan by vector compare, a pause, a prefetch), inlined
// into the Swift module by the clang importer.

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// A hint to the processor that the caller spins.
static inline void stepmill_pause(void) {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Where the caller's stack frame is: how a recursive evaluator knows how deep it stands.
static inline uintptr_t stepmill_frame_address(void) { return (uintptr_t)__builtin_frame_address(0); }

/// Asks for the cache line at `address` ahead of its use.
static inline void stepmill_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
