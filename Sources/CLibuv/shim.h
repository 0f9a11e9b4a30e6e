#ifndef STEPMILL_CLIBUV_SHIM_H
#define STEPMILL_CLIBUV_SHIM_H

#include <uv.h>

#endif
