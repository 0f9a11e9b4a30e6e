#ifndef STEPMILL_CLIBUV_SHIM_H
#define STEPMILL_CLIBUV_SHIM_H

#include <uv.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

/// Names the calling thread. libuv has this from 1.50 on only, and Swift cannot call the
/// variadic `prctl`. The system refuses nothing here: it cuts the name to 15 bytes.
static inline void stepmill_name_thread(const char *name) {
#if defined(__linux__)
  prctl(PR_SET_NAME, name, 0, 0, 0);
#endif
}

#endif
