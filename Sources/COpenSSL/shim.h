#ifndef STEPMILL_COPENSSL_SHIM_H
#define STEPMILL_COPENSSL_SHIM_H

// OpenSSL's macros as functions, for Swift.

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

static inline int stepmill_ssl_require_tls12(SSL_CTX *context) {
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/// Lets go of the buffers of a connection that waits.
static inline void stepmill_ssl_release_buffers(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

static inline long stepmill_bio_pending(BIO *bio) { return (long)BIO_ctrl_pending(bio); }

#endif
