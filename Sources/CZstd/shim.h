// libzstd (Debian: libzstd-dev).
#ifndef STEPMILL_CZSTD_H
#define STEPMILL_CZSTD_H

#include <zstd.h>

#endif
