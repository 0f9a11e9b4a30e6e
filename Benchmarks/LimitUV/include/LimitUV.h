#ifndef STEPMILL_LIMIT_UV_H
#define STEPMILL_LIMIT_UV_H

// Yardsticks in C for waiting and waking: a bare timer wheel with 64-byte records, one
// `uv_timer_t` per timer, and one `uv_async_send` per submission and per wake-up.

#include <stddef.h>
#include <stdint.h>

/// What a wait does besides waiting: called with the context and 1.
typedef uint64_t (*limit_uv_work)(void *context, uint64_t times);

/// W6 without an engine: starts `count` executions of Wait 3 s → Succeed, a thousandth of
/// them each simulated millisecond, and moves the clock until the last has finished. An
/// execution copies its input into a record, waits in the wheel, copies its text out and
/// frees the record. `atStart` and `atFinish` (either may be null) stand for reading and
/// writing JSON. Memory is taken fresh each time, as a first million waits would.
/// The last output goes to `output` (room for `length` bytes). Returns the states entered,
/// or 0 when the text does not fit a record (48 bytes) or memory is short.
uint64_t limit_uv_waits(uint64_t count, const uint8_t *text, size_t length, uint8_t *output,
                        limit_uv_work atStart, limit_uv_work atFinish, void *context);

/// Bytes one such wait occupies.
size_t limit_uv_wait_size(void);

/// A loop with `count` idle `uv_timer_t`. Null when memory is short. Not thread-safe.
typedef struct limit_uv_timers limit_uv_timers;

limit_uv_timers *limit_uv_timers_create(uint64_t count);
void limit_uv_timers_destroy(limit_uv_timers *timers);

/// Starts all timers, due in scattered order within the next `spread` milliseconds (1 or more).
void limit_uv_timers_start(limit_uv_timers *timers, uint32_t spread);

/// Stops all timers.
void limit_uv_timers_cancel(limit_uv_timers *timers);

/// Sleeps until all started timers are due; so that `fire` measures firing and nothing else.
void limit_uv_timers_await_due(limit_uv_timers *timers);

/// Runs the loop until every started timer has fired. Returns how many did.
uint64_t limit_uv_timers_fire(limit_uv_timers *timers);

/// Hands `count` records of 64 bytes, each with a small input, from `producers` threads (1 to 16) to a loop on the calling thread,
/// with one `uv_async_send` for each. Writes the wall time from first to last and returns
/// how many arrived whole. Producers stay on the `coreCount` cores in turn; 0: wherever they are put.
uint64_t limit_uv_submissions(uint64_t count, uint32_t producers, uint64_t *nanoseconds,
                              const int32_t *cores, uint32_t coreCount);

/// Wakes a loop that sleeps on another thread, `count` times, `pause` microseconds apart. That
/// thread stays on `core`, unless that is negative.
/// Writes the time from before `uv_async_send` to inside the callback of each wake-up.
/// Returns 0, or a libuv error.
int limit_uv_wakeups(uint64_t *nanoseconds, uint64_t count, uint32_t pause, int32_t core);

/// Cores as bits, for the harness: the C library keeps these calls from Swift.
enum { limit_uv_core_words = 16 };

/// The cores that the calling thread may use. Returns 0 on success.
int limit_uv_get_cores(uint64_t *words);

/// Confines every thread the process has now to these cores; later ones inherit it.
/// Returns 0 when all of them could be.
int limit_uv_set_cores(const uint64_t *words);

/// Confines the calling thread alone, and those that it starts from now on. Returns 0 on success.
int limit_uv_set_thread_cores(const uint64_t *words);

/// The same with one core; a negative one changes nothing.
void limit_uv_stay_on_core(int32_t core);

/// Gives the heap's free pages back to the system, where the C library can.
void limit_uv_trim_heap(void);

#endif
