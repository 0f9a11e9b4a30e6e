#ifndef STEPMILL_CHTTPPARSER_SHIM_H
#define STEPMILL_CHTTPPARSER_SHIM_H

// Bit fields of http_parser as functions, for Swift.

#include <http_parser.h>

static inline int stepmill_http_errno(const http_parser *parser) { return (int)parser->http_errno; }
static inline int stepmill_http_upgrade(const http_parser *parser) { return (int)parser->upgrade; }
static inline int stepmill_http_method(const http_parser *parser) { return (int)parser->method; }

#endif
