import CCurl

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One request in curl's hands: the memory that it points to, and what has come in so far.
/// Belongs to the loop's thread.
@safe final class Transfer {
  let easy: UnsafeMutableRawPointer
  /// The request cannot be sent at all.
  private(set) var refusal: HTTPClientError?
  /// The multi has it.
  var isAdded = false
  private let request: HTTPClientRequest
  private let body: UnsafeMutableRawPointer
  private var fields: UnsafeMutablePointer<curl_slist>?
  private let errorText: UnsafeMutablePointer<CChar>
  private var headers: [(name: String, value: String)] = []
  private var headerBytes = 0
  private var received: [UInt8] = []
  private var isTooLarge = false

  private static let headerBytesMax = 256 << 10
  private static let roomMax = 8 << 20

  init(_ request: HTTPClientRequest, _ easy: UnsafeMutableRawPointer, authorities: String?) {
    self.request = request
    unsafe self.easy = unsafe easy
    unsafe body = .allocate(byteCount: max(request.body.count, 1), alignment: 1)
    unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe errorText.pointee = 0
    unsafe request.body.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { unsafe body.copyMemory(from: base, byteCount: bytes.count) }
    }
    refusal = check()
    if refusal == nil { setOptions(authorities) }
  }

  deinit {
    unsafe body.deallocate()
    unsafe errorText.deallocate()
    unsafe curl_slist_free_all(fields)
  }

  /// What libcurl would send as it is, and must not.
  private func check() -> HTTPClientError? {
    let texts = [request.method, request.url] + request.headers.flatMap { [$0.name, $0.value] }
    if texts.contains(where: { $0.utf8.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F } }) {
      return HTTPClientError(.badRequest, "the request's method, URL or headers have a control character.")
    }
    return nil
  }

  // MARK: Options

  private func setOptions(_ authorities: String?) {
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    set(CURLOPT_URL, request.url)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_PATH_AS_IS, 1)
    // Signals belong to the program, not to its resolver.
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_TIMEOUT_MS, request.timeoutMilliseconds)
    set(CURLOPT_CONNECTTIMEOUT_MS, request.connectMilliseconds)
    set(CURLOPT_TCP_KEEPALIVE, 1)
    _ = unsafe stepmill_curl_set_close_on_exec(easy)
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    _ = unsafe stepmill_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    if let path = request.unixSocket { set(CURLOPT_UNIX_SOCKET_PATH, path) }
    if let authorities { set(CURLOPT_CAINFO, authorities) }
    setMethod()
    setFields()
    _ = unsafe stepmill_curl_set_pointer(easy, CURLOPT_WRITEDATA, context)
    _ = unsafe stepmill_curl_set_data(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      unsafe Transfer.of(context).take(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    _ = unsafe stepmill_curl_set_pointer(easy, CURLOPT_HEADERDATA, context)
    _ = unsafe stepmill_curl_set_data(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      unsafe Transfer.of(context).takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
  }

  private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer {
    unsafe Unmanaged<Transfer>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  private func set(_ option: CURLoption, _ value: Int) {
    _ = unsafe stepmill_curl_set_long(easy, option, value)
  }
  /// libcurl copies texts.
  private func set(_ option: CURLoption, _ value: String) {
    _ = unsafe value.withCString { unsafe stepmill_curl_set_pointer(easy, option, $0) }
  }

  private func setMethod() {
    switch request.method {
    case "GET" where request.body.isEmpty: set(CURLOPT_HTTPGET, 1)
    case "HEAD": set(CURLOPT_NOBODY, 1)
    default:
      if !request.body.isEmpty || request.method == "POST" || request.method == "PUT"
        || request.method == "PATCH"
      {
        set(CURLOPT_POST, 1)
        _ = unsafe stepmill_curl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
        _ = unsafe stepmill_curl_set_pointer(easy, CURLOPT_POSTFIELDS, body)
      }
      set(CURLOPT_CUSTOMREQUEST, request.method)
    }
  }

  /// The caller's fields, and none of curl's own: a name with nothing behind the colon takes one
  /// away. `Expect` would cost a round trip, or a second with servers that do not know it.
  private func setFields() {
    for name in ["Expect", "Accept", "Content-Type"] {
      let isGiven = request.headers.contains { $0.name.lowercased() == name.lowercased() }
      if !isGiven { unsafe fields = unsafe curl_slist_append(fields, "\(name):") }
    }
    for header in request.headers {
      // An empty value is spelled with a semicolon.
      unsafe fields = unsafe curl_slist_append(
        fields, header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
    }
    _ = unsafe stepmill_curl_set_pointer(easy, CURLOPT_HTTPHEADER, fields)
  }

  // MARK: The answer

  private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard received.count + bytes.count <= request.responseBytesMax else {
      isTooLarge = true
      return 0
    }
    unsafe received.append(contentsOf: bytes)
    return bytes.count
  }

  private func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
    headerBytes += bytes.count
    guard headerBytes <= Transfer.headerBytesMax else {
      isTooLarge = true
      return 0
    }
    let line = unsafe String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // What came before was a 100, or the answer of a proxy.
      headers = []
    } else if let colon = line.firstIndex(of: ":") {
      let header = (name: String(line[..<colon]), value: trimmed(line[line.index(after: colon)...]))
      headers.append(header)
      if header.name.lowercased() == "content-length" { makeRoom(Int(header.value) ?? 0) }
    }
    return bytes.count
  }

  /// What is promised gets its place at once, within reason.
  private func makeRoom(_ count: Int) {
    guard request.method != "HEAD", count <= request.responseBytesMax else { return }
    received.reserveCapacity(min(count, Transfer.roomMax))
  }

  private func trimmed(_ text: Substring) -> String {
    var text = text
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text.drop { $0.isWhitespace })
  }

  func result(_ code: CURLcode) -> Result<HTTPClientResponse, HTTPClientError> {
    guard code == CURLE_OK else { return .failure(error(code)) }
    var status = 0
    _ = unsafe stepmill_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    return .success(HTTPClientResponse(status: status, headers: headers, body: received))
  }

  private func error(_ code: CURLcode) -> HTTPClientError {
    if isTooLarge {
      return HTTPClientError(
        .tooLarge, "the answer of \(request.url) has more than \(request.responseBytesMax) bytes.")
    }
    var text = unsafe String(cString: errorText)
    if text.isEmpty { text = unsafe String(cString: curl_easy_strerror(code)) }
    return HTTPClientError(Transfer.kind(code), "\(request.method) \(request.url): \(text)")
  }

  private static func kind(_ code: CURLcode) -> HTTPClientError.Kind {
    switch code {
    case CURLE_COULDNT_CONNECT: .notConnected
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .unknownHost
    case CURLE_OPERATION_TIMEDOUT: .timedOut
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
      CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_NOTFOUND,
      CURLE_SSL_INVALIDCERTSTATUS:
      .tls
    case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE, CURLE_HTTP2,
      CURLE_WEIRD_SERVER_REPLY:
      .connectionLost
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .badRequest
    case CURLE_ABORTED_BY_CALLBACK: .cancelled
    default: .other
    }
  }
}
