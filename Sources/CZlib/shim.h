// zlib (Debian: zlib1g-dev), and adapters for what Swift does not see of it.
#ifndef STEPMILL_CZLIB_H
#define STEPMILL_CZLIB_H

#include <zlib.h>

/// Begins to read gzip. A macro in zlib's header, since it passes that header's version.
static inline int stepmill_gunzip_begin(z_stream *stream) { return inflateInit2(stream, 15 + 16); }

/// Begins to write gzip.
static inline int stepmill_gzip_begin(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

#endif
