#ifndef STEPMILL_LIMIT_HTTP_H
#define STEPMILL_LIMIT_HTTP_H

// The floor of an HTTP server on libuv, and the load for all of them.

#include <stddef.h>
#include <stdint.h>

/// Serves one fixed answer of `body` bytes on 127.0.0.1 for ever, as little as a server can do: it
/// looks for the end of each head, skips `requestBody` bytes and answers. Writes the port to
/// `descriptor` as a line of text. Returns only on failure.
int limit_http_serve(size_t body, size_t requestBody, int descriptor);

typedef struct {
  uint64_t answers;
  uint64_t errors;
  double seconds;
  /// Microseconds from sending a request to the last byte of its answer.
  double p50, p99;
  /// The same in the middle one of windows of 20 ms, and the middle of p99 / p50.
  double window_p50, window_p99, window_ratio;
} limit_http_result;

/// Sends `request` over and over on so many connections, one at a time on each, from one thread.
/// With `rate` above 0 so many per second begin, evenly, as long as a connection is free.
/// All answers must have the size of the first.
limit_http_result limit_http_load(uint16_t port, int connections, double seconds, double rate,
                                  const uint8_t *request, size_t length);

/// Sends one request on a connection of its own and writes its answer, head and body, to `answer`.
/// Returns its size, or 0 if there was none or it did not fit.
size_t limit_http_call(uint16_t port, const uint8_t *request, size_t length, uint8_t *answer,
                       size_t capacity);

/// Opens connections that say nothing, and keeps them until the process ends. Returns how many.
int limit_http_idle(uint16_t port, int connections);

/// Nanoseconds of processor time that a process has used, or 0.
uint64_t limit_http_processor_time(int pid);

#endif
