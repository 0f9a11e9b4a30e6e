/// Bounds on what a client may ask for and how long it may take. One file, so that their
/// relations are plain to see; tests make them tiny.
package struct HTTPLimits: Sendable {
  /// Bytes of the request line and the header fields together; of a chunked body's trailer too.
  package var headBytesMax = 32 << 10
  /// Header fields of a request.
  package var fieldsMax = 100
  /// Bytes of a body, after chunks were put together.
  package var bodyBytesMax = 8 << 20
  /// Connections of the whole server; more are answered with 503 and closed.
  package var connectionsMax = 65_536
  /// From a request's first byte to the end of its head.
  package var headMilliseconds: UInt64 = 10_000
  /// From the end of the head to the end of the body.
  package var bodyMilliseconds: UInt64 = 60_000
  /// Between requests of a connection that is kept alive; also before its first.
  package var idleMilliseconds: UInt64 = 75_000
  /// Without the client taking any byte of an answer.
  package var writeMilliseconds: UInt64 = 30_000
  /// From a complete request to the handler's answer; then the client gets 503.
  package var answerMilliseconds: UInt64 = 900_000
  /// Bytes of answers that a slow client may leave lying before it is cut off.
  package var outputBytesMax = 16 << 20
  /// Bytes of further requests that are read while one is being answered.
  package var pipelineBytesMax = 64 << 10

  package init() {}

  func check() {
    precondition(headBytesMax >= 64 && headBytesMax <= 1 << 20, "Stepmill: headBytesMax is 64 to 1 MiB")
    precondition(fieldsMax >= 1 && fieldsMax <= 4096, "Stepmill: fieldsMax is 1 to 4096")
    precondition(bodyBytesMax >= 0 && bodyBytesMax <= 1 << 30, "Stepmill: bodyBytesMax is at most 1 GiB")
    precondition(connectionsMax >= 1, "Stepmill: connectionsMax is at least 1")
  }
}
