// Which cores the process runs on.

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "LimitUV.h"

_Static_assert(sizeof(cpu_set_t) == limit_uv_core_words * sizeof(uint64_t), "a word per 64 cores");

int limit_uv_get_cores(uint64_t *words) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return -1;
  memcpy(words, &set, sizeof set);
  return 0;
}

int limit_uv_set_cores(const uint64_t *words) {
  cpu_set_t set;
  memcpy(&set, words, sizeof set);

  DIR *threads = opendir("/proc/self/task");
  if (threads == NULL) return -1;
  int failures = 0;
  for (struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads)) {
    int thread = atoi(entry->d_name);
    if (thread > 0 && sched_setaffinity(thread, sizeof set, &set) != 0) failures++;
  }
  closedir(threads);
  return failures == 0 ? 0 : -1;
}

int limit_uv_set_thread_cores(const uint64_t *words) {
  cpu_set_t set;
  memcpy(&set, words, sizeof set);
  return sched_setaffinity(0, sizeof set, &set);
}

void limit_uv_stay_on_core(int32_t core) {
  cpu_set_t set;
  if (core < 0 || core >= CPU_SETSIZE) return;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

void limit_uv_trim_heap(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
