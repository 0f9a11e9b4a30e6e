import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A server that can do what no proper one does: answer with any bytes, and hang up in the middle.
/// One thread serves all connections.
final class RawServer: @unchecked Sendable {
  struct Asked: Sendable {
    var method: String
    var target: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    var path: String { String(target.prefix { $0 != "?" }) }
    var query: [String: String] {
      guard let mark = target.firstIndex(of: "?") else { return [:] }
      let pairs = target[target.index(after: mark)...].split(separator: "&").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
          String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
      }
      return Dictionary(pairs) { $1 }
    }
    func header(_ name: String) -> String? {
      headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  struct Said: Sendable {
    var status = 200
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// Of the body; fewer are sent than promised, and the connection is closed.
    var bytesSent: Int?
    /// The connection is closed without a word.
    var hangsUp = false
    /// Nothing is ever said.
    var isSilent = false

    static func error(_ status: Int, _ code: String, _ message: String) -> Said {
      let text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>\(code)</Code><Message>\(message)</Message>"
        + "<RequestId>r</RequestId><HostId>h</HostId></Error>"
      return Said(status: status, headers: [("Content-Type", "application/xml")], body: Array(text.utf8))
    }
  }

  // `connections` belong to the thread; the rest never changes or is locked.
  let port: UInt16
  private let listener: Int32
  private let handler = Lock<@Sendable (Asked, Int) -> Said>({ _, _ in Said() })
  private let log = Lock<[Asked]>([])
  private var connections: [Int32: [UInt8]] = [:]
  private var thread = pthread_t()
  private let stopper: (reading: Int32, writing: Int32)

  var url: String { "http://127.0.0.1:\(port)" }
  var asked: [Asked] { log.withLock { $0 } }

  init() {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let size = length
    let listener = listener
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, size) == 0 && listen(listener, 64) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    precondition(bound, "no port could be had")
    port = address.sin_port.bigEndian
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0)
    stopper = (ends[0], ends[1])
    let context = Unmanaged.passRetained(self)
    pthread_create(
      &thread, nil,
      { context in
        Unmanaged<RawServer>.fromOpaque(context!).takeRetainedValue().serve()
        return nil
      }, context.toOpaque())
  }

  func stop() {
    var byte: UInt8 = 0
    write(stopper.writing, &byte, 1)
    pthread_join(thread, nil)
    for file in [listener, stopper.reading, stopper.writing] + connections.keys { close(file) }
    connections = [:]
  }

  /// - Parameter body: Is given a request, and how many came before it. Runs on the server's thread.
  func answers(_ body: @escaping @Sendable (Asked, Int) -> Said) { handler.withLock { $0 = body } }
  func forget() { log.withLock { $0 = [] } }

  private func serve() {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var waits = [listener, stopper.reading] + connections.keys
      var polls = waits.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      poll(&polls, nfds_t(polls.count), -1)
      waits = polls.filter { $0.revents != 0 }.map(\.fd)
      for file in waits {
        if file == stopper.reading { return }
        if file == listener {
          let connection = accept(listener, nil, nil)
          if connection >= 0 { connections[connection] = [] }
          continue
        }
        let count = recv(file, &buffer, buffer.count, 0)
        guard count > 0 else {
          hangUp(file)
          continue
        }
        connections[file]! += buffer[..<count]
        while let asked = takeRequest(file) { guard answer(file, asked) else { break } }
      }
    }
  }

  private func hangUp(_ file: Int32) {
    close(file)
    connections[file] = nil
  }

  private func takeRequest(_ file: Int32) -> Asked? {
    guard let bytes = connections[file] else { return nil }
    let end = Array("\r\n\r\n".utf8)
    guard let mark = bytes.firstRange(of: end) else { return nil }
    let lines = String(decoding: bytes[..<mark.lowerBound], as: UTF8.self).split(separator: "\r\n")
    let first = lines[0].split(separator: " ").map(String.init)
    var headers: [(name: String, value: String)] = []
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers.append((String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""))
    }
    let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
    guard bytes.count >= mark.upperBound + length else { return nil }
    let body = Array(bytes[mark.upperBound..<mark.upperBound + length])
    connections[file] = Array(bytes[(mark.upperBound + length)...])
    return Asked(method: first[0], target: first[1], headers: headers, body: body)
  }

  /// False: the connection is closed.
  private func answer(_ file: Int32, _ asked: Asked) -> Bool {
    let before = log.withLock { log in
      log.append(asked)
      return log.count - 1
    }
    let said = handler.withLock { $0 }(asked, before)
    if said.isSilent { return true }
    if said.hangsUp {
      hangUp(file)
      return false
    }
    var text = "HTTP/1.1 \(said.status) Said\r\n"
    for header in said.headers { text += "\(header.name): \(header.value)\r\n" }
    if !said.headers.contains(where: { $0.name.lowercased() == "content-length" }), said.status != 204 {
      text += "Content-Length: \(said.body.count)\r\n"
    }
    var bytes = Array((text + "\r\n").utf8)
    if asked.method != "HEAD" { bytes += said.body.prefix(said.bytesSent ?? said.body.count) }
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(file, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { break }
      sent += count
    }
    guard said.bytesSent == nil, sent == bytes.count else {
      hangUp(file)
      return false
    }
    return true
  }
}
