import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// Sockets that listen, one for each loop.
//
// TCP: each loop has a socket of its own on the same port (`SO_REUSEPORT`), and the kernel
// spreads connections over them without waking the others. That option also lets another
// process of the same user listen on the port, which would then get half of the connections. So
// the first socket is bound without it, which fails if anybody is there, and gets it afterwards.
//
// Unix sockets and those that are inherited exist once; each loop gets a duplicate, and who is
// woken first accepts.

struct ListeningSocket: Sendable {
  let descriptor: Int32
  let isUnix: Bool

  static let backlog: Int32 = 4096

  /// Opens `count` sockets for an address; also says what the address has become.
  static func open(
    _ address: HTTPAddress, count: Int
  ) throws(HTTPServerError) -> (sockets: [ListeningSocket], bound: HTTPAddress) {
    var sockets: [ListeningSocket] = []
    do throws(HTTPServerError) {
      let first: ListeningSocket
      switch address {
      case .tcp: first = try tcp(address, isFirst: true)
      case .unix(let path): first = try unix(path, address)
      case .inherited(let descriptor): first = try inherited(descriptor)
      }
      sockets.append(first)
      let bound = try first.boundAddress(address)
      while sockets.count < count {
        if case .tcp = address {
          sockets.append(try tcp(bound, isFirst: false))
        } else {
          sockets.append(try first.duplicate())
        }
      }
      for socket in sockets { try socket.startListening(bound) }
      return (sockets, bound)
    } catch {
      for socket in sockets { closeDescriptor(socket.descriptor) }
      throw error
    }
  }

  private static func make(_ family: Int32) throws(HTTPServerError) -> Int32 {
    let descriptor = socket(
      family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw HTTPServerError("a socket could not be made: \(systemText(errno)).") }
    return descriptor
  }

  private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
    var one: Int32 = 1
    unsafe setsockopt(descriptor, level, option, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func tcp(_ address: HTTPAddress, isFirst: Bool) throws(HTTPServerError) -> ListeningSocket {
    guard let (found, size) = address.socketAddress else {
      throw HTTPServerError("\(address) is not an IP address with a port.")
    }
    var storage = found
    let descriptor = try make(Int32(storage.ss_family))
    set(descriptor, SOL_SOCKET, SO_REUSEADDR)
    if !isFirst { set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
    if Int32(storage.ss_family) == AF_INET6 { set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
    let code = bind(descriptor, &storage, size)
    guard code == 0 else {
      let reason = errno
      closeDescriptor(descriptor)
      throw refusal(address, reason)
    }
    if isFirst { set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
    return ListeningSocket(descriptor: descriptor, isUnix: false)
  }

  private static func bind(_ descriptor: Int32, _ storage: inout sockaddr_storage, _ size: socklen_t) -> Int32
  {
    unsafe withUnsafePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe systemBind(descriptor, $0, size)
      }
    }
  }

  private static func unix(_ path: String, _ address: HTTPAddress) throws(HTTPServerError) -> ListeningSocket
  {
    guard let (found, size) = address.socketAddress else {
      throw HTTPServerError("the path \(path) is too long for a Unix socket, which allows about 100 bytes.")
    }
    var storage = found
    let descriptor = try make(AF_UNIX)
    if bind(descriptor, &storage, size) != 0 {
      var code = errno
      // A file that nobody listens on is left from a server that was killed.
      if code == EADDRINUSE, isSocket(path), isDeserted(&storage, size), unsafe unlink(path) == 0 {
        code = bind(descriptor, &storage, size) == 0 ? 0 : errno
      }
      guard code == 0 else {
        closeDescriptor(descriptor)
        if code == EADDRINUSE, !isSocket(path) {
          throw HTTPServerError("there is something at \(path) that is no socket; choose another path.")
        }
        throw refusal(address, code)
      }
    }
    return ListeningSocket(descriptor: descriptor, isUnix: true)
  }

  /// Whether a path is that of a socket: nothing else is ever removed.
  static func isSocket(_ path: String) -> Bool {
    var found = stat()
    return unsafe lstat(path, &found) == 0 && found.st_mode & S_IFMT == S_IFSOCK
  }

  private static func isDeserted(_ storage: inout sockaddr_storage, _ size: socklen_t) -> Bool {
    guard let probe = try? make(AF_UNIX) else { return false }
    defer { closeDescriptor(probe) }
    let code = unsafe withUnsafePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(probe, $0, size) }
    }
    return code != 0 && errno == ECONNREFUSED
  }

  private static func inherited(_ descriptor: Int32) throws(HTTPServerError) -> ListeningSocket {
    var kind: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &size) == 0,
      kind == Int32(SOCK_STREAM.rawValue)
    else {
      throw HTTPServerError(
        "descriptor \(descriptor), which this process was started with, is not a stream socket; "
          + "in a systemd socket unit that is ListenStream=.")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    unsafe withUnsafeMutablePointer(to: &storage) { storage in
      _ = unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    return ListeningSocket(descriptor: descriptor, isUnix: Int32(storage.ss_family) == AF_UNIX)
  }

  private func duplicate() throws(HTTPServerError) -> ListeningSocket {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw HTTPServerError("a socket could not be duplicated: \(systemText(errno)).") }
    return ListeningSocket(descriptor: copy, isUnix: isUnix)
  }

  private func startListening(_ address: HTTPAddress) throws(HTTPServerError) {
    guard listen(descriptor, ListeningSocket.backlog) == 0 else {
      throw ListeningSocket.refusal(address, errno)
    }
  }

  /// The address with the port that the system chose.
  private func boundAddress(_ address: HTTPAddress) throws(HTTPServerError) -> HTTPAddress {
    if case .unix = address { return address }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let text = unsafe withUnsafeMutablePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        unsafe getsockname(descriptor, name, &length) == 0 ? HTTPAddress.text(of: name) : "unix"
      }
    }
    return text == "unix" ? address : try HTTPAddress(text)
  }

  /// What the system's refusal means, and what to do about it.
  private static func refusal(_ address: HTTPAddress, _ code: Int32) -> HTTPServerError {
    switch code {
    case EADDRINUSE:
      return HTTPServerError(
        "\(address) is in use by another process; stop that one, or choose another port or path.")
    case EACCES, EPERM:
      if case .unix(let path) = address {
        return HTTPServerError(
          "there is no permission to make the socket \(path); choose a folder that you may write to.")
      }
      return HTTPServerError(
        "there is no permission to listen on \(address); ports below 1024 are for root, choose a higher one.")
    case EADDRNOTAVAIL:
      return HTTPServerError(
        "\(address) is not an address of this machine; 127.0.0.1 and 0.0.0.0 always are.")
    case ENOENT:
      return HTTPServerError("the folder of \(address) does not exist; make it first.")
    default: return HTTPServerError("cannot listen on \(address): \(systemText(code)).")
    }
  }
}

/// The system's words for an error, as part of a sentence.
func systemText(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

/// `bind` of the system, which the method of that name would hide.
private func systemBind(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
  unsafe bind(descriptor, address, size)
}
