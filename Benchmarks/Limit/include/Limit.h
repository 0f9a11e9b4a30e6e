#ifndef STEPMILL_LIMIT_H
#define STEPMILL_LIMIT_H

// The C++ floor of the benchmark suite: how fast the workloads run when nothing but the
// data work is left. It is a yardstick, not a rival: no payload limit, no cancellation,
// no timeouts, no fairness, no history, no error paths beyond the one retry of W3.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// One prepared workload with its input. Not thread-safe: one handle per thread.
typedef struct limit_floor limit_floor;

/// Prepares workload 1 to 5 (W1 to W5) for `input`, which is copied. Workload 0 has no
/// program: it serves the parse and write yardsticks for any JSON document.
/// Returns null for another workload or for text that is not JSON. Owned by the caller.
limit_floor *limit_create(int workload, const uint8_t *input, size_t length);

/// Frees the handle; null is allowed.
void limit_destroy(limit_floor *floor);

/// Executes `times` times, JSON text in to JSON text out. Returns the number of states
/// entered over all executions, a retried attempt counting again.
uint64_t limit_run(limit_floor *floor, uint64_t times);

/// The text written by the last run or serialisation. Valid until the next call.
const uint8_t *limit_output(const limit_floor *floor, size_t *length);

/// simdjson's DOM parse alone. These three return a value derived from the result, so
/// that no work can be optimised away.
uint64_t limit_parse_tape(limit_floor *floor, uint64_t times);

/// The same parse, and the conversion into arena values.
uint64_t limit_parse(limit_floor *floor, uint64_t times);

/// Writes the parsed input back as text.
uint64_t limit_serialize(limit_floor *floor, uint64_t times);

#ifdef __cplusplus
}
#endif

#endif
