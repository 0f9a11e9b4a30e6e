#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where a server listens.
package enum HTTPAddress: Sendable, Hashable, CustomStringConvertible {
  /// An IPv4 or IPv6 address and a port; port 0 lets the system choose one.
  case tcp(host: String, port: UInt16)
  /// The path of a Unix socket.
  case unix(path: String)
  /// A listening socket that this process was started with.
  case inherited(descriptor: Int32)

  /// Reads `127.0.0.1:8083`, `[::1]:8083`, `localhost:8083`, `:8083` (all IPv4 addresses of the
  /// machine) or `unix:/path`.
  package init(_ text: String) throws(HTTPServerError) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty else {
        throw HTTPServerError("'\(text)' names no path; write for example unix:/run/stepmill.sock.")
      }
      self = .unix(path: path)
      return
    }
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      throw HTTPServerError(
        "'\(text)' is not an address to listen on; write HOST:PORT (for example 127.0.0.1:8083 or [::1]:8083, "
          + "with a port from 0 to 65535) or unix:PATH.")
    }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw HTTPServerError("'\(text)' is not clear; write an IPv6 address in brackets, as in [::1]:8083.")
    }
    if host == "localhost" { host = "127.0.0.1" }
    if host.isEmpty || host == "*" { host = "0.0.0.0" }
    self = .tcp(host: host, port: port)
    guard socketAddress != nil else {
      throw HTTPServerError(
        "'\(host)' is not an IP address; this server listens on addresses, not on names (other than localhost)."
      )
    }
  }

  /// The sockets that systemd hands to a service with socket activation (`sd_listen_fds`).
  package static func fromSystemd() -> [HTTPAddress] {
    guard let process = unsafe getenv("LISTEN_PID"), unsafe Int32(String(cString: process)) == getpid(),
      let text = unsafe getenv("LISTEN_FDS"), let count = unsafe Int32(String(cString: text)), count > 0,
      count < 1024
    else { return [] }
    unsafe unsetenv("LISTEN_PID")
    unsafe unsetenv("LISTEN_FDS")
    return (3..<3 + count).map { .inherited(descriptor: $0) }
  }

  package var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    case .inherited(let descriptor): "descriptor \(descriptor)"
    }
  }

  /// Whether only this machine can connect.
  package var isLocal: Bool {
    switch self {
    case .tcp(let host, _): host == "::1" || host.hasPrefix("127.")
    case .unix: true
    case .inherited: false
    }
  }

  // MARK: The system's form

  /// Nil if the host is no address.
  var socketAddress: (storage: sockaddr_storage, size: socklen_t)? {
    var storage = sockaddr_storage()
    switch self {
    case .tcp(let host, let port):
      return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        let raw = UnsafeMutableRawPointer(pointer)
        let four = unsafe raw.assumingMemoryBound(to: sockaddr_in.self)
        if unsafe inet_pton(AF_INET, host, &four.pointee.sin_addr) == 1 {
          unsafe four.pointee.sin_family = sa_family_t(AF_INET)
          unsafe four.pointee.sin_port = port.bigEndian
          return unsafe (pointer.pointee, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        unsafe pointer.pointee = sockaddr_storage()
        let six = unsafe raw.assumingMemoryBound(to: sockaddr_in6.self)
        if unsafe inet_pton(AF_INET6, host, &six.pointee.sin6_addr) == 1 {
          unsafe six.pointee.sin6_family = sa_family_t(AF_INET6)
          unsafe six.pointee.sin6_port = port.bigEndian
          return unsafe (pointer.pointee, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
        return nil
      }
    case .unix(let path):
      let bytes = Array(path.utf8)
      let room = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
      guard bytes.count < room else { return nil }
      return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
        let address = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr_un.self)
        unsafe address.pointee.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.pointee.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return unsafe (pointer.pointee, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    case .inherited: return nil
    }
  }

  /// "127.0.0.1:8083", "[::1]:8083" or "unix".
  static func text(of address: UnsafePointer<sockaddr>) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      let raw = unsafe UnsafeRawPointer(address)
      switch unsafe Int32(address.pointee.sa_family) {
      case AF_INET:
        let four = unsafe raw.assumingMemoryBound(to: sockaddr_in.self)
        var host = unsafe four.pointee.sin_addr
        unsafe inet_ntop(AF_INET, &host, text.baseAddress, 64)
        return
          unsafe "\(String(cString: text.baseAddress.unsafelyUnwrapped)):\(UInt16(bigEndian: four.pointee.sin_port))"
      case AF_INET6:
        let six = unsafe raw.assumingMemoryBound(to: sockaddr_in6.self)
        var host = unsafe six.pointee.sin6_addr
        unsafe inet_ntop(AF_INET6, &host, text.baseAddress, 64)
        return
          unsafe "[\(String(cString: text.baseAddress.unsafelyUnwrapped))]:\(UInt16(bigEndian: six.pointee.sin6_port))"
      default: return "unix"
      }
    }
  }
}

/// A server could not be started; the description is a sentence for whoever started it.
package struct HTTPServerError: Error, CustomStringConvertible, Hashable {
  package let description: String
  package init(_ description: String) { self.description = description }
}
