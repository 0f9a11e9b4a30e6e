#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A request, where it lies in the connection's memory. It is valid only until the call of the
/// handler returns, whether or not the request was answered: copy what is needed longer.
@safe package struct HTTPRequest {
  private let base: UnsafeRawPointer
  private let head: UnsafePointer<HTTPField>
  private let fieldCount: Int
  private let methodSpan: HTTPSpan
  private let targetSpan: HTTPSpan
  /// The body, with chunks put together.
  package let body: UnsafeRawBufferPointer
  /// HTTP/1.0 instead of HTTP/1.1.
  package let isHTTP10: Bool

  @inline(__always)
  init(_ base: UnsafeRawPointer, _ head: borrowing HTTPHead, _ parser: borrowing HTTPRequestParser) {
    unsafe self.base = unsafe base
    unsafe self.head = unsafe UnsafePointer(head.fields)
    fieldCount = head.fieldCount
    methodSpan = head.method
    targetSpan = head.target
    unsafe body = unsafe UnsafeRawBufferPointer(start: base + parser.headEnd, count: parser.bodyCount)
    isHTTP10 = parser.isHTTP10
  }

  // MARK: The request line

  package var methodBytes: UnsafeRawBufferPointer { unsafe methodSpan.bytes(base) }
  /// As it was sent, percent signs and all: a path with an optional query, or a whole URL.
  package var targetBytes: UnsafeRawBufferPointer { unsafe targetSpan.bytes(base) }
  package var method: String { unsafe String(decoding: methodBytes, as: UTF8.self) }
  package var target: String { unsafe String(decoding: targetBytes, as: UTF8.self) }

  /// Whether the method is `name`. Methods have upper and lower case.
  @inline(__always)
  package func isMethod(_ name: StaticString) -> Bool {
    unsafe Int(methodSpan.count) == name.utf8CodeUnitCount
      && memcmp(base + Int(methodSpan.start), name.utf8Start, name.utf8CodeUnitCount) == 0
  }

  /// Whether the target is `text`, byte for byte.
  @inline(__always)
  package func isTarget(_ text: StaticString) -> Bool {
    unsafe Int(targetSpan.count) == text.utf8CodeUnitCount
      && memcmp(base + Int(targetSpan.start), text.utf8Start, text.utf8CodeUnitCount) == 0
  }

  // MARK: Header fields

  /// The value of the first field with this name, which is given in lower case; without the
  /// white space around it.
  @inline(__always)
  package func bytes(_ name: StaticString) -> UnsafeRawBufferPointer? {
    let count = UInt32(truncatingIfNeeded: name.utf8CodeUnitCount)
    for index in 0..<fieldCount where unsafe head[index].name.count == count {
      if unsafe Characters.isSameToken(base + Int(head[index].name.start), Int(count), name) {
        return unsafe head[index].value.bytes(base)
      }
    }
    return nil
  }

  /// The same as text.
  package func header(_ name: StaticString) -> String? {
    unsafe bytes(name).map { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// All fields in the order in which they came.
  package var headers: [(name: String, value: String)] {
    (0..<fieldCount).map { index in
      unsafe (
        String(decoding: head[index].name.bytes(base), as: UTF8.self),
        String(decoding: head[index].value.bytes(base), as: UTF8.self)
      )
    }
  }
}
