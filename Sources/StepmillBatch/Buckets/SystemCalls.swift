#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the system says about its errors.
enum SystemFailure {
  static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// Reads once; an interrupted call is begun again.
func readAgain(_ file: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
  while true {
    let got = read(file, bytes, count)
    if got >= 0 || errno != EINTR { return got }
  }
}

/// Writes everything, or returns the system's code for why not.
func writeWhole(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
  var written = 0
  while written < bytes.count {
    let count = write(file, bytes.baseAddress.unsafelyUnwrapped + written, bytes.count - written)
    if count >= 0 {
      written += count
    } else if errno == EAGAIN {
      var wait = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
      _ = poll(&wait, 1, -1)
    } else if errno != EINTR {
      return errno
    }
  }
  return 0
}
