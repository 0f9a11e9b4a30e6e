// Crossing threads with `uv_async_send` alone.
//
// Submissions: producers push records with a small input on a shared list and send; the
// loop takes the whole list each time it is woken, turns it round and reads each record. Wake-ups: the sender waits until the loop has answered, so
// that each wake-up finds it asleep.

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "LimitUV.h"

enum { producersMax = 16 };

// --- Submissions ---

enum { inputRoom = 48 };

typedef struct Node {
  struct Node *next;
  uint64_t length;
  uint8_t input[inputRoom];
} Node;

typedef struct {
  _Atomic(Node *) list;
  uv_async_t async;
  atomic_uint ready;
  atomic_bool go;
  uint64_t expected;
  uint64_t arrived;
  uint64_t finished;  // when the last arrived
} Inbox;

typedef struct {
  Inbox *inbox;
  Node *nodes;
  uint64_t count;
  int32_t core;
} Producer;

static const uint8_t text[7] = "{\"n\":1}";

static void onSubmission(uv_async_t *async) {
  Inbox *inbox = async->data;
  Node *node = atomic_exchange(&inbox->list, NULL), *first = NULL;
  while (node != NULL) {
    Node *older = node->next;
    node->next = first;
    first = node;
    node = older;
  }
  for (node = first; node != NULL; node = node->next)
    inbox->arrived += node->length == sizeof text && memcmp(node->input, text, sizeof text) == 0;
  if (inbox->arrived < inbox->expected) return;
  inbox->finished = uv_hrtime();
  uv_stop(async->loop);
}

static void produce(void *argument) {
  Producer *producer = argument;
  Inbox *inbox = producer->inbox;
  limit_uv_stay_on_core(producer->core);
  atomic_fetch_add(&inbox->ready, 1);
  while (!atomic_load(&inbox->go)) sched_yield();
  for (uint64_t i = 0; i < producer->count; i++) {
    Node *node = &producer->nodes[i];
    node->length = sizeof text;
    memcpy(node->input, text, sizeof text);
    node->next = atomic_load(&inbox->list);
    while (!atomic_compare_exchange_weak(&inbox->list, &node->next, node)) {
    }
    uv_async_send(&inbox->async);
  }
}

uint64_t limit_uv_submissions(uint64_t count, uint32_t producers, uint64_t *nanoseconds,
                              const int32_t *cores, uint32_t coreCount) {
  *nanoseconds = 0;
  if (count == 0 || producers == 0 || producers > producersMax) return 0;
  Node *nodes = calloc(count, sizeof(Node));
  if (nodes == NULL) return 0;
  for (uint64_t i = 0; i < count; i++) nodes[i].next = &nodes[i];  // touches every page

  uv_loop_t loop;
  Inbox inbox = {.expected = count};
  Producer work[producersMax];
  uv_thread_t threads[producersMax];
  uint32_t running = 0;
  if (uv_loop_init(&loop) != 0) {
    free(nodes);
    return 0;
  }
  uv_async_init(&loop, &inbox.async, onSubmission);
  inbox.async.data = &inbox;

  uint64_t share = count / producers;
  for (; running < producers; running++) {
    uint64_t first = share * running;
    work[running] =
        (Producer){&inbox, nodes + first, running + 1 == producers ? count - first : share,
                   coreCount > 0 ? cores[running % coreCount] : -1};
    if (uv_thread_create(&threads[running], produce, &work[running]) != 0) break;
  }
  while (atomic_load(&inbox.ready) < running) sched_yield();

  uint64_t started = uv_hrtime();
  atomic_store(&inbox.go, 1);
  if (running == producers) uv_run(&loop, UV_RUN_DEFAULT);
  for (uint32_t i = 0; i < running; i++) uv_thread_join(&threads[i]);
  *nanoseconds = inbox.finished - started;

  uv_close((uv_handle_t *)&inbox.async, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  free(nodes);
  return inbox.arrived;
}

// --- Wake-ups ---

typedef struct {
  uv_loop_t loop;
  uv_async_t wake;
  uv_async_t leave;
  atomic_ullong woken;  // when, or 0 while nothing has arrived
  int32_t core;
} Sleeper;

static void onWake(uv_async_t *async) {
  atomic_store(&((Sleeper *)async->data)->woken, uv_hrtime());
}

static void onLeave(uv_async_t *async) {
  Sleeper *sleeper = async->data;
  uv_close((uv_handle_t *)&sleeper->wake, NULL);
  uv_close((uv_handle_t *)&sleeper->leave, NULL);
}

static void sleepAndWake(void *argument) {
  Sleeper *sleeper = argument;
  limit_uv_stay_on_core(sleeper->core);
  uv_run(&sleeper->loop, UV_RUN_DEFAULT);
}

int limit_uv_wakeups(uint64_t *nanoseconds, uint64_t count, uint32_t pause, int32_t core) {
  Sleeper sleeper = {.core = core};
  uv_thread_t thread;
  int error = uv_loop_init(&sleeper.loop);
  if (error != 0) return error;
  uv_async_init(&sleeper.loop, &sleeper.wake, onWake);
  uv_async_init(&sleeper.loop, &sleeper.leave, onLeave);
  sleeper.wake.data = sleeper.leave.data = &sleeper;

  error = uv_thread_create(&thread, sleepAndWake, &sleeper);
  if (error != 0) {
    onLeave(&sleeper.leave);
    uv_run(&sleeper.loop, UV_RUN_DEFAULT);
    uv_loop_close(&sleeper.loop);
    return error;
  }
  struct timespec rest = {pause / 1000000, (long)(pause % 1000000) * 1000};
  for (uint64_t i = 0; i < count; i++) {
    nanosleep(&rest, NULL);
    atomic_store(&sleeper.woken, 0);
    uint64_t sent = uv_hrtime(), woken;
    uv_async_send(&sleeper.wake);
    while ((woken = atomic_load(&sleeper.woken)) == 0) sched_yield();
    nanoseconds[i] = woken - sent;
  }
  uv_async_send(&sleeper.leave);
  uv_thread_join(&thread);
  return uv_loop_close(&sleeper.loop);
}
