// The C library offers its own allocator under second names, which is where calls go on to.
// A thread counts its allocations without a lock or an atomic; bytes are summed over threads,
// since one may free what another took.

#define _GNU_SOURCE
#include "AllocationCounter.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>

#ifdef __GLIBC__

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static __thread uint64_t made __attribute__((tls_model("initial-exec")));
// Where the bytes of one thread go below zero, those of another are above.
static _Atomic int64_t bytes;
static _Bool countsBytes;

static inline void *note(void *memory) {
  made++;
  if (countsBytes && memory != NULL)
    atomic_fetch_add_explicit(&bytes, (int64_t)malloc_usable_size(memory), memory_order_relaxed);
  return memory;
}

static inline void forget(void *memory) {
  if (countsBytes && memory != NULL)
    atomic_fetch_sub_explicit(&bytes, (int64_t)malloc_usable_size(memory), memory_order_relaxed);
}

void *malloc(size_t size) { return note(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return note(__libc_calloc(count, size)); }

void *realloc(void *memory, size_t size) {
  forget(memory);
  return note(__libc_realloc(memory, size));
}

void free(void *memory) {
  forget(memory);
  __libc_free(memory);
}

void *memalign(size_t alignment, size_t size) { return note(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *result = memalign(alignment, size);
  if (result == NULL) return ENOMEM;
  *memory = result;
  return 0;
}

uint64_t allocation_counter_made(void) { return made; }

int64_t allocation_counter_bytes(void) {
  countsBytes = 1;
  return atomic_load_explicit(&bytes, memory_order_relaxed);
}

#else

// Another C library: nothing is counted.
uint64_t allocation_counter_made(void) { return 0; }
int64_t allocation_counter_bytes(void) { return 0; }

#endif
