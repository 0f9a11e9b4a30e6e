#ifndef STEPMILL_CINTRINSICS_H
#define STEPMILL_CINTRINSICS_H

// Header-only helpers that Swift has no spelling for. They hold no logic: each is a
// single machine idea (a byte scan by vector compare, a pause, a prefetch), inlined
// into the Swift module by the clang importer.

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

// What belongs to a thread.

extern _Thread_local void *stepmill_own_loop;
extern _Thread_local uint32_t stepmill_own_thread_number;
uint32_t stepmill_number_thread(void);

/// The loop whose thread the caller is on, as its owner has set it; else null.
static inline void *stepmill_thread_loop(void) { return stepmill_own_loop; }
static inline void stepmill_set_thread_loop(void *loop) { stepmill_own_loop = loop; }

/// A number that no other thread of the process has (but for its highest bit, which all have).
/// The numbers of threads that were made together are near one another.
static inline uint32_t stepmill_thread_number(void) {
  uint32_t number = stepmill_own_thread_number;
  return number != 0 ? number : stepmill_number_thread();
}

/// Asks for the cache line at `address` ahead of its use.
static inline void stepmill_prefetch(const void *address) { __builtin_prefetch(address); }

/// Copies `count` (at least one, even) words. Not a call of memcpy, which the compiler
/// would make of a plain loop.
static inline void stepmill_move_words(void *target, const void *source, size_t count) {
  uint64_t *to = (uint64_t *)target;
  const uint64_t *from = (const uint64_t *)source;
  const uint64_t *end = from + count;
  do {
    uint64_t first = from[0];
    uint64_t second = from[1];
    __asm__("" : "+r"(first), "+r"(second));
    to[0] = first;
    to[1] = second;
    to += 2;
    from += 2;
  } while (from < end);
}

// Byte scans. Each reads 16 or 32 bytes at `text`, whatever lies there, and returns one
// bit for each byte that belongs to the named class (bit 0 for the first byte).

#if !defined(__SSE2__)
typedef uint8_t stepmill_bytes16 __attribute__((ext_vector_type(16)));
typedef _Bool stepmill_bits16 __attribute__((ext_vector_type(16)));

static inline stepmill_bytes16 stepmill_load16(const void *text) {
  stepmill_bytes16 bytes;
  memcpy(&bytes, text, 16);
  return bytes;
}

static inline uint32_t stepmill_mask16(stepmill_bytes16 truth) {
  stepmill_bits16 bits = __builtin_convertvector(truth & 1, stepmill_bits16);
  uint16_t mask;
  memcpy(&mask, &bits, 2);
  return mask;
}
#endif

/// Bytes that interrupt the plain ASCII text of a JSON string: quote, backslash,
/// controls, and all bytes of multi-byte characters.
static inline uint32_t stepmill_string_stops16(const void *text) {
#if defined(__SSE2__)
  // Flipping bit 1 brings the quote (0x22) next to the controls, so that one signed
  // comparison finds the quote, the controls and everything from 0x80 up.
  __m128i bytes = _mm_loadu_si128((const __m128i *)text);
  __m128i low = _mm_cmplt_epi8(_mm_xor_si128(bytes, _mm_set1_epi8(2)), _mm_set1_epi8(0x21));
  __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, slash));
#else
  stepmill_bytes16 bytes = stepmill_load16(text);
  return stepmill_mask16((stepmill_bytes16)(((bytes ^ 2) < 0x21) | (bytes == '\\') | (bytes > 0x7F)));
#endif
}

/// Bytes that must be escaped in a JSON string (or end it): quote, backslash, controls.
static inline uint32_t stepmill_string_escapes16(const void *text) {
#if defined(__SSE2__)
  __m128i bytes = _mm_loadu_si128((const __m128i *)text);
  __m128i flipped = _mm_xor_si128(bytes, _mm_set1_epi8(2));
  __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(flipped, _mm_set1_epi8(0x20)), flipped);
  __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, slash));
#else
  stepmill_bytes16 bytes = stepmill_load16(text);
  return stepmill_mask16((stepmill_bytes16)(((bytes ^ 2) < 0x21) | (bytes == '\\')));
#endif
}

/// The digits 0 to 9.
static inline uint32_t stepmill_digits16(const void *text) {
#if defined(__SSE2__)
  __m128i bytes = _mm_loadu_si128((const __m128i *)text);
  __m128i value = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value));
#else
  stepmill_bytes16 bytes = stepmill_load16(text);
  return stepmill_mask16((stepmill_bytes16)((bytes - '0') <= 9));
#endif
}

/// Everything but space, tab, line feed and carriage return.
static inline uint32_t stepmill_unblank16(const void *text) {
#if defined(__SSE2__)
  __m128i bytes = _mm_loadu_si128((const __m128i *)text);
  __m128i space = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '));
  __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  __m128i feed = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
  __m128i carriage = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'));
  __m128i blank = _mm_or_si128(_mm_or_si128(space, tab), _mm_or_si128(feed, carriage));
  return (uint32_t)_mm_movemask_epi8(blank) ^ 0xFFFF;
#else
  stepmill_bytes16 bytes = stepmill_load16(text);
  return stepmill_mask16(
    (stepmill_bytes16)((bytes != ' ') & (bytes != '\t') & (bytes != '\n') & (bytes != '\r')));
#endif
}

/// The bytes that are the same at both places.
static inline uint32_t stepmill_same16(const void *left, const void *right) {
#if defined(__SSE2__)
  __m128i a = _mm_loadu_si128((const __m128i *)left);
  __m128i b = _mm_loadu_si128((const __m128i *)right);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
#else
  return stepmill_mask16((stepmill_bytes16)(stepmill_load16(left) == stepmill_load16(right)));
#endif
}

static inline uint32_t stepmill_string_stops32(const void *text) {
  return stepmill_string_stops16(text) | stepmill_string_stops16((const char *)text + 16) << 16;
}

/// What the letter behind a backslash stands for in a JSON string, or 0 if it is `u` or
/// no such letter.
static inline uint8_t stepmill_unescape(uint8_t letter) {
  static const uint8_t bytes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
  };
  return bytes[letter];
}

/// 10 to the power `exponent`, which must be below 20.
static inline uint64_t stepmill_power_of_ten(uint32_t exponent) {
  static const uint64_t powers[20] = {
    1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull,
    1000000000ull, 10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull,
    100000000000000ull, 1000000000000000ull, 10000000000000000ull, 100000000000000000ull,
    1000000000000000000ull, 10000000000000000000ull,
  };
  return powers[exponent];
}

/// 10 to the power `exponent`, which must be below 23: all of these are exact.
static inline double stepmill_double_power_of_ten(uint32_t exponent) {
  static const double powers[23] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  };
  return powers[exponent];
}

// The Swift runtime's own, which Swift gives no name to: to retain an object many times at once
// is one atomic addition.
extern void *swift_retain_n(void *object, uint32_t count);
extern void swift_release_n(void *object, uint32_t count);
static inline void stepmill_retain_n(void *object, uint32_t count) { (void)swift_retain_n(object, count); }
static inline void stepmill_release_n(void *object, uint32_t count) { swift_release_n(object, count); }

#if defined(__linux__)
// Declared only where GNU extensions are asked for.
extern int sync_file_range(int file, int64_t offset, int64_t count, unsigned int flags);
#endif

/// Has the system begin to write a part of a file to the disk, and does not wait for it. A hint.
static inline void stepmill_write_back(int file, int64_t offset, int64_t count) {
#if defined(__linux__)
  const unsigned int write = 2;
  (void)sync_file_range(file, offset, count, write);
#else
  (void)file, (void)offset, (void)count;
#endif
}

#endif
