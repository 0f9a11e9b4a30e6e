@testable import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A blocking socket for tests: sends what it is told, and reads until what it waits for is
/// there. A test that would wait for ever fails after ten seconds.
final class TestClient {
  let descriptor: Int32
  private(set) var received: [UInt8] = []
  private(set) var isEnded = false

  init(_ address: HTTPAddress) throws {
    var (storage, size) = address.socketAddress!
    descriptor = socket(Int32(storage.ss_family), Int32(SOCK_STREAM.rawValue), 0)
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    let code = withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    if code != 0 { throw HTTPServerError("connect: \(systemText(errno))") }
  }

  deinit { close(descriptor) }

  func send(_ text: String) { send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) {
    var offset = 0
    while offset < bytes.count {
      let sent = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
      }
      if sent <= 0 { return }
      offset += sent
    }
  }

  func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// One more piece. False at the end, or when the connection is broken.
  @discardableResult
  func read() -> Bool {
    var piece = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &piece, piece.count, 0)
    guard count > 0 else {
      if count < 0, errno == EAGAIN { fatalError("nothing came within ten seconds") }
      isEnded = true
      return false
    }
    received += piece[..<count]
    return true
  }

  @discardableResult
  func readToEnd() -> String {
    while read() {}
    return takeAll()
  }

  /// What is there and has not been taken.
  func takeAll() -> String {
    defer { received = [] }
    return String(decoding: received, as: UTF8.self)
  }

  func read(until text: String) -> String {
    let wanted = Array(text.utf8)
    while true {
      if let end = find(wanted) {
        let result = String(decoding: received[..<end], as: UTF8.self)
        received.removeFirst(end)
        return result
      }
      if !read() { return takeAll() }
    }
  }

  private func find(_ wanted: [UInt8]) -> Int? {
    guard received.count >= wanted.count else { return nil }
    for start in 0...(received.count - wanted.count) where received[start] == wanted[0] {
      if Array(received[start..<start + wanted.count]) == wanted { return start + wanted.count }
    }
    return nil
  }

  struct Answer: Equatable {
    var status: Int
    var headers: [String]
    var body: String

    subscript(_ name: String) -> String? {
      let prefix = name.lowercased() + ": "
      return headers.first { $0.lowercased().hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }
  }

  /// The next answer with a Content-Length; its status is 0 if there is none.
  func answer(toHead: Bool = false) -> Answer {
    let head = read(until: "\r\n\r\n")
    let lines = head.split(separator: "\r\n").map(String.init)
    guard let first = lines.first, let status = Int(first.split(separator: " ")[1]) else {
      return Answer(status: 0, headers: [], body: "")
    }
    var answer = Answer(status: status, headers: Array(lines.dropFirst()), body: "")
    if let text = answer["Content-Length"], let count = Int(text), !toHead {
      while received.count < count, read() {}
      answer.body = String(decoding: received.prefix(count), as: UTF8.self)
      received.removeFirst(min(count, received.count))
    }
    return answer
  }
}
