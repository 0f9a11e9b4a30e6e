#include "LimitHTTP.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int dial(uint16_t port) {
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
    if (descriptor >= 0) close(descriptor);
    return -1;
  }
  int one = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return descriptor;
}

typedef struct {
  int descriptor;
  size_t received;
  double sent;
} client;

// Latencies in steps of a twentieth of an octave, from 1 microsecond on.
enum { steps = 600 };
typedef struct {
  uint64_t counts[steps], total;
} histogram;

static void note(histogram *self, double microseconds) {
  int step = microseconds <= 1 ? 0 : (int)(log2(microseconds) * 20);
  self->counts[step < steps ? step : steps - 1]++;
  self->total++;
}

static double quantile(const histogram *self, double part) {
  uint64_t wanted = (uint64_t)(part * (double)self->total), seen = 0;
  for (int step = 0; step < steps; step++) {
    seen += self->counts[step];
    if (seen > wanted) return exp2((step + 0.5) / 20);
  }
  return 0;
}

// What the windows of a load say, so that the middle one can be told.
enum { windows_max = 4096 };
typedef struct {
  double p50[windows_max], p99[windows_max], ratio[windows_max];
  int count;
} windows;

static void close_window(windows *self, histogram *latencies) {
  if (latencies->total > 0 && self->count < windows_max) {
    double p50 = quantile(latencies, 0.5), p99 = quantile(latencies, 0.99);
    self->p50[self->count] = p50;
    self->p99[self->count] = p99;
    self->ratio[self->count++] = p99 / p50;
  }
  memset(latencies, 0, sizeof *latencies);
}

static int compare(const void *one, const void *other) {
  double a = *(const double *)one, b = *(const double *)other;
  return (a > b) - (a < b);
}

static double median(double *values, int count) {
  if (count == 0) return 0;
  qsort(values, (size_t)count, sizeof *values, compare);
  return values[count / 2];
}

/// The size of an answer with its head, or 0 as long as that is unknown.
static size_t answer_size(const char *text, size_t length) {
  const char *end = memmem(text, length, "\r\n\r\n", 4);
  const char *field = memmem(text, length, "Content-Length: ", 16);
  if (!end || !field) return 0;
  return (size_t)(end - text) + 4 + strtoul(field + 16, NULL, 10);
}

// Long enough for a p99, too short for most of the stops of a machine that others use as well.
static const double window_seconds = 0.02;

limit_http_result limit_http_load(uint16_t port, int connections, double seconds, double rate,
                                  const uint8_t *request, size_t length) {
  limit_http_result result = {0};
  static histogram all, latencies;
  static windows parts;
  memset(&all, 0, sizeof all);
  memset(&latencies, 0, sizeof latencies);
  parts.count = 0;
  int poll = epoll_create1(EPOLL_CLOEXEC);
  client *clients = calloc((size_t)connections, sizeof *clients);
  int *idle = malloc((size_t)connections * sizeof *idle);
  int idle_count = 0;
  for (int index = 0; index < connections; index++) {
    clients[index].descriptor = dial(port);
    if (clients[index].descriptor < 0) {
      result.errors++;
      continue;
    }
    fcntl(clients[index].descriptor, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    epoll_ctl(poll, EPOLL_CTL_ADD, clients[index].descriptor, &event);
    idle[idle_count++] = index;
  }
  static char input[1 << 16];
  struct epoll_event events[256];
  size_t size = 0;
  double begin = now(), end = begin + seconds, time = begin, due = begin, window = begin;
  while (time < end) {
    while (idle_count > 0 && (rate <= 0 || due <= time)) {
      client *self = &clients[idle[--idle_count]];
      self->sent = rate > 0 ? due : time;
      self->received = 0;
      if (rate > 0) due += 1 / rate;
      if (write(self->descriptor, request, length) != (ssize_t)length) result.errors++;
    }
    int count = epoll_wait(poll, events, 256, rate > 0 ? 0 : 10);
    time = now();
    if (time - window > window_seconds) {
      close_window(&parts, &latencies);
      window = time;
    }
    for (int index = 0; index < count; index++) {
      client *self = &clients[events[index].data.u32];
      ssize_t got = read(self->descriptor, input, sizeof input);
      if (got <= 0) {
        if (got < 0 && errno == EAGAIN) continue;
        result.errors++;
        epoll_ctl(poll, EPOLL_CTL_DEL, self->descriptor, NULL);
        continue;
      }
      if (size == 0) size = answer_size(input, (size_t)got);
      self->received += (size_t)got;
      if (size == 0 || self->received < size) continue;
      if (self->received > size) result.errors++;
      result.answers++;
      note(&all, (time - self->sent) * 1e6);
      note(&latencies, (time - self->sent) * 1e6);
      idle[idle_count++] = (int)events[index].data.u32;
    }
  }
  result.seconds = time - begin;
  close_window(&parts, &latencies);
  result.p50 = quantile(&all, 0.5);
  result.p99 = quantile(&all, 0.99);
  result.window_p50 = median(parts.p50, parts.count);
  result.window_p99 = median(parts.p99, parts.count);
  result.window_ratio = median(parts.ratio, parts.count);
  for (int index = 0; index < connections; index++)
    if (clients[index].descriptor >= 0) close(clients[index].descriptor);
  close(poll);
  free(clients);
  free(idle);
  return result;
}

size_t limit_http_call(uint16_t port, const uint8_t *request, size_t length, uint8_t *answer,
                       size_t capacity) {
  int descriptor = dial(port);
  if (descriptor < 0) return 0;
  size_t received = 0, size = 0;
  bool ok = write(descriptor, request, length) == (ssize_t)length;
  while (ok && (size == 0 || received < size)) {
    ssize_t got = read(descriptor, answer + received, capacity - received);
    ok = got > 0;
    if (ok) received += (size_t)got;
    if (size == 0) size = answer_size((const char *)answer, received);
  }
  close(descriptor);
  return ok ? size : 0;
}

int limit_http_idle(uint16_t port, int connections) {
  int count = 0;
  while (count < connections && dial(port) >= 0) count++;
  return count;
}

uint64_t limit_http_processor_time(int pid) {
  clockid_t clock;
  struct timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
