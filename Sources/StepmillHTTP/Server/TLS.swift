import COpenSSL

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// TLS on a loop: OpenSSL reads from and writes to memory, and the loop moves the bytes. OpenSSL
// never sees a socket, so it never blocks.

/// The certificate and key of a server. Shared by all its loops; OpenSSL counts references to
/// it and locks what changes, which is what `@unchecked Sendable` stands on.
@safe final class TLSContext: @unchecked Sendable {
  let context: OpaquePointer

  /// - Parameters:
  ///   - certificate: A PEM file: the certificate, then those that lead to its root.
  ///   - key: A PEM file.
  init(certificate: String, key: String) throws(HTTPServerError) {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else {
      throw HTTPServerError("OpenSSL gave no context: \(TLSContext.reason)")
    }
    unsafe self.context = unsafe context
    _ = unsafe stepmill_ssl_require_tls12(context)
    unsafe stepmill_ssl_release_buffers(context)
    guard unsafe SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
      throw HTTPServerError(
        "the certificate \(certificate) cannot be used: \(TLSContext.reason). It must be a PEM file with the "
          + "server's certificate first.")
    }
    guard unsafe SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
      throw HTTPServerError(
        "the private key \(key) cannot be used: \(TLSContext.reason). It must be a PEM file.")
    }
    guard unsafe SSL_CTX_check_private_key(context) == 1 else {
      throw HTTPServerError("the private key \(key) does not belong to the certificate \(certificate).")
    }
  }

  deinit { unsafe SSL_CTX_free(context) }

  /// What OpenSSL says about its last error; forgets the others.
  static var reason: String {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0 else { return "no reason given" }
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
      unsafe ERR_error_string_n(code, text.baseAddress, text.count)
      return unsafe String(cString: text.baseAddress.unsafelyUnwrapped)
    }
  }
}

/// One connection's TLS. Belongs to the connection.
@safe final class TLSSession {
  enum Decrypted {
    case bytes(Int)
    case needsMore
    /// The client has said that it sends no more.
    case ended
    case failed
  }

  private let session: OpaquePointer
  /// What came from the network, and what is to go there; both belong to the session.
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer

  init?(_ context: TLSContext) {
    guard let session = unsafe SSL_new(context.context) else { return nil }
    unsafe self.session = unsafe session
    unsafe incoming = unsafe BIO_new(BIO_s_mem())
    unsafe outgoing = unsafe BIO_new(BIO_s_mem())
    unsafe SSL_set_bio(session, incoming, outgoing)
    unsafe SSL_set_accept_state(session)
  }

  deinit { unsafe SSL_free(session) }

  func feed(_ bytes: UnsafeRawBufferPointer) {
    _ = unsafe BIO_write(incoming, bytes.baseAddress, Int32(truncatingIfNeeded: bytes.count))
  }

  func decrypt(into buffer: UnsafeMutableRawBufferPointer) -> Decrypted {
    ERR_clear_error()
    let count = unsafe SSL_read(session, buffer.baseAddress, Int32(truncatingIfNeeded: buffer.count))
    if count > 0 { return .bytes(Int(count)) }
    switch unsafe SSL_get_error(session, count) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsMore
    case SSL_ERROR_ZERO_RETURN: return .ended
    default: return .failed
    }
  }

  /// Encrypts all of it and hands out what is to be sent. False if the session is broken.
  func encrypt(_ bytes: UnsafeRawBufferPointer, _ send: (UnsafeRawBufferPointer) -> Void) -> Bool {
    ERR_clear_error()
    var offset = 0
    while offset < bytes.count {
      let rest = min(bytes.count - offset, 1 << 30)
      let count = unsafe SSL_write(session, bytes.baseAddress.unsafelyUnwrapped + offset, Int32(rest))
      guard count > 0 else { return false }
      offset += Int(count)
    }
    unsafe flush(send)
    return true
  }

  /// Hands out what OpenSSL wants to send.
  func flush(_ send: (UnsafeRawBufferPointer) -> Void) {
    while true {
      let waiting = unsafe Int(stepmill_bio_pending(outgoing))
      guard waiting > 0 else { return }
      unsafe withUnsafeTemporaryAllocation(byteCount: min(waiting, 32 << 10), alignment: 16) { buffer in
        let count = unsafe BIO_read(outgoing, buffer.baseAddress, Int32(buffer.count))
        if count > 0 { unsafe send(UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)])) }
      }
    }
  }

  /// Tells the client that nothing follows, so that it can tell an end from a cut.
  func shutDown(_ send: (UnsafeRawBufferPointer) -> Void) {
    ERR_clear_error()
    _ = unsafe SSL_shutdown(session)
    unsafe flush(send)
  }
}
