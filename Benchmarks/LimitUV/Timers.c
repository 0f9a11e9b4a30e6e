// One `uv_timer_t` per timer, as a program without timers of its own has them.

#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "LimitUV.h"

struct limit_uv_timers {
  uv_loop_t loop;
  uint64_t count;
  uint64_t fired;
  uint64_t due;  // by uv_hrtime
  uv_timer_t timers[];
};

static void onFire(uv_timer_t *timer) { ((limit_uv_timers *)timer->data)->fired++; }

limit_uv_timers *limit_uv_timers_create(uint64_t count) {
  limit_uv_timers *timers = calloc(1, sizeof(limit_uv_timers) + count * sizeof(uv_timer_t));
  if (timers == NULL) return NULL;
  if (uv_loop_init(&timers->loop) != 0) {
    free(timers);
    return NULL;
  }
  timers->count = count;
  for (uint64_t i = 0; i < count; i++) {
    uv_timer_init(&timers->loop, &timers->timers[i]);
    timers->timers[i].data = timers;
  }
  return timers;
}

void limit_uv_timers_destroy(limit_uv_timers *timers) {
  if (timers == NULL) return;
  for (uint64_t i = 0; i < timers->count; i++) uv_close((uv_handle_t *)&timers->timers[i], NULL);
  uv_run(&timers->loop, UV_RUN_DEFAULT);
  uv_loop_close(&timers->loop);
  free(timers);
}

void limit_uv_timers_start(limit_uv_timers *timers, uint32_t spread) {
  uv_update_time(&timers->loop);
  timers->due = uv_hrtime() + ((uint64_t)spread + 1) * 1000000;
  for (uint64_t i = 0; i < timers->count; i++) {
    // A multiplicative hash scatters the due times, so that the heap has work to do.
    uint32_t scattered = (uint32_t)i * 2654435769u;
    uint64_t timeout = 1 + (((uint64_t)scattered * spread) >> 32);
    uv_timer_start(&timers->timers[i], onFire, timeout, 0);
  }
}

void limit_uv_timers_cancel(limit_uv_timers *timers) {
  for (uint64_t i = 0; i < timers->count; i++) uv_timer_stop(&timers->timers[i]);
}

void limit_uv_timers_await_due(limit_uv_timers *timers) {
  for (uint64_t now = uv_hrtime(); now < timers->due; now = uv_hrtime()) {
    uint64_t rest = timers->due - now;
    struct timespec pause = {(time_t)(rest / 1000000000), (long)(rest % 1000000000)};
    nanosleep(&pause, NULL);
  }
}

uint64_t limit_uv_timers_fire(limit_uv_timers *timers) {
  timers->fired = 0;
  uv_run(&timers->loop, UV_RUN_DEFAULT);
  return timers->fired;
}
