// A hierarchical timer wheel over 64-byte records that name each other by index: four
// levels of 64 slots, one tick a millisecond. A record sits in the level of the highest
// six bits in which its due time differs from now, and moves down when the clock gets
// there: a wait of three seconds moves once.

#include <stdlib.h>
#include <string.h>

#include "LimitUV.h"

enum { levels = 4, slotBits = 6, slots = 1 << slotBits, textRoom = 48, waitMilliseconds = 3000 };

static const uint32_t nothing = UINT32_MAX;

typedef struct {
  uint32_t next;
  uint32_t due;
  uint32_t transitions;
  uint32_t length;
  uint8_t text[textRoom];
} Wait;

typedef struct {
  uint32_t now;
  uint32_t heads[levels][slots];
  Wait *waits;
  uint32_t fresh;  // records never used so far
  uint32_t freed;  // list of records to use again
  limit_uv_work atStart;
  limit_uv_work atFinish;
  void *context;
} Wheel;

static void insert(Wheel *wheel, uint32_t index) {
  Wait *wait = &wheel->waits[index];
  uint32_t differing = (wait->due ^ wheel->now) | 1;
  uint32_t level = (31 - (uint32_t)__builtin_clz(differing)) / slotBits;
  uint32_t *head = &wheel->heads[level][(wait->due >> (level * slotBits)) & (slots - 1)];
  wait->next = *head;
  *head = index;
}

static void start(Wheel *wheel, const uint8_t *text, size_t length) {
  if (wheel->atStart != NULL) wheel->atStart(wheel->context, 1);
  uint32_t index = wheel->freed;
  if (index == nothing)
    index = wheel->fresh++;
  else
    wheel->freed = wheel->waits[index].next;

  Wait *wait = &wheel->waits[index];
  wait->due = wheel->now + waitMilliseconds;
  wait->transitions = 1;
  wait->length = (uint32_t)length;
  memcpy(wait->text, text, length);
  insert(wheel, index);
}

static uint32_t take(Wheel *wheel, uint32_t level) {
  uint32_t *head = &wheel->heads[level][(wheel->now >> (level * slotBits)) & (slots - 1)];
  uint32_t first = *head;
  *head = nothing;
  return first;
}

/// Moves the clock one tick and finishes what is due.
static uint64_t advance(Wheel *wheel, uint8_t *output, uint64_t *transitions) {
  wheel->now++;
  uint32_t level = 1;
  while (level < levels && (wheel->now & ((1u << (level * slotBits)) - 1)) == 0) level++;
  while (--level > 0) {
    for (uint32_t index = take(wheel, level), next; index != nothing; index = next) {
      next = wheel->waits[index].next;
      insert(wheel, index);
    }
  }

  uint64_t finished = 0;
  for (uint32_t index = take(wheel, 0), next; index != nothing; index = next) {
    Wait *wait = &wheel->waits[index];
    next = wait->next;
    memcpy(output, wait->text, wait->length);
    if (wheel->atFinish != NULL) wheel->atFinish(wheel->context, 1);
    *transitions += wait->transitions + 1;
    wait->next = wheel->freed;
    wheel->freed = index;
    finished++;
  }
  return finished;
}

uint64_t limit_uv_waits(uint64_t count, const uint8_t *text, size_t length, uint8_t *output,
                        limit_uv_work atStart, limit_uv_work atFinish, void *context) {
  if (length > textRoom || count >= nothing) return 0;
  Wheel *wheel = malloc(sizeof(Wheel));
  Wait *waits = malloc(count * sizeof(Wait));
  uint64_t transitions = 0;
  if (wheel != NULL && waits != NULL) {
    *wheel = (Wheel){.waits = waits,
                     .freed = nothing,
                     .atStart = atStart,
                     .atFinish = atFinish,
                     .context = context};
    memset(wheel->heads, 0xff, sizeof wheel->heads);

    uint64_t perTick = count / 1000 + 1, started = 0, finished = 0;
    while (finished < count) {
      uint64_t batch = count - started < perTick ? count - started : perTick;
      for (uint64_t i = 0; i < batch; i++) start(wheel, text, length);
      started += batch;
      finished += advance(wheel, output, &transitions);
    }
  }
  free(waits);
  free(wheel);
  return transitions;
}

size_t limit_uv_wait_size(void) { return sizeof(Wait); }
