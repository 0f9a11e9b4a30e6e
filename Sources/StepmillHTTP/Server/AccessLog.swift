import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What of a request is remembered until its answer, when requests are logged.
struct AccessRecord {
  let method: String
  let target: String
  /// `X-Amz-Target`, which is what tells requests to AWS's APIs apart.
  let action: String?
  let began: UInt64

  init(_ request: HTTPRequest) {
    method = request.method
    target = request.target
    action = request.header("x-amz-target")
    began = AccessLog.nanoseconds
  }
}

/// Writes a line of JSON for each request, to standard error or another descriptor. Lines are
/// gathered and written together: at the latest after half a second.
package final class AccessLog: Sendable {
  private let descriptor: Int32
  private let lines = Lock<[UInt8]>([])

  package init(descriptor: Int32 = 2) { self.descriptor = descriptor }

  static var nanoseconds: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  func write(_ record: AccessRecord, remote: String, status: Int, bytes: Int, second: Int64) {
    let microseconds = (AccessLog.nanoseconds - record.began) / 1000
    let action = record.action.map { ",\"action\":\(quoted($0))" } ?? ""
    append(
      "{\"time\":\"\(timestamp(second))\",\"remote\":\(quoted(remote)),\"method\":\(quoted(record.method)),"
        + "\"target\":\(quoted(record.target))\(action),\"status\":\(status),\"bytes\":\(bytes),"
        + "\"microseconds\":\(microseconds)}\n")
  }

  func write(_ refusal: HTTPRefusal, remote: String, second: Int64) {
    append(
      "{\"time\":\"\(timestamp(second))\",\"remote\":\(quoted(remote)),\"status\":\(refusal.status),"
        + "\"refused\":\(quoted(refusal.message))}\n")
  }

  private func append(_ line: String) {
    let isFull = lines.withLock { lines in
      lines += line.utf8
      return lines.count > 16 << 10
    }
    if isFull { flush() }
  }

  package func flush() {
    let bytes = lines.withLock { lines in
      defer { lines = [] }
      return lines
    }
    guard !bytes.isEmpty else { return }
    unsafe bytes.withUnsafeBytes { bytes in
      var offset = 0
      while offset < bytes.count {
        let written = unsafe systemWrite(
          descriptor, bytes.baseAddress.unsafelyUnwrapped + offset, bytes.count - offset)
        if written < 0, errno == EINTR { continue }
        // Nobody reads the log, or cannot keep up with it: lines are lost rather than requests.
        if written <= 0 { return }
        offset += written
      }
    }
  }

  private func timestamp(_ second: Int64) -> String {
    let (year, month, day) = HTTPDate.civil(Int(second / 86_400))
    let time = Int(second % 86_400)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(year)-\(two(month))-\(two(day))T\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60))Z"
  }

  /// A JSON string. Bytes beyond ASCII that came in a target were refused already.
  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// `write` of the system, which the method of that name would hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  unsafe write(descriptor, bytes, count)
}
