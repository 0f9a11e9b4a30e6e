/// What a task token says: which shard, which fiber, which call, and a tag that only the shard
/// can make.
///
/// The text is opaque to users. A token of another call, another execution or another process
/// does not resolve, and neither does one that was guessed: the tag is keyed with a secret of
/// the shard's.
struct TaskToken: Hashable, Sendable {
  var shard: UInt32
  var fiber: FiberHandle
  var callSerial: UInt32
  var tag: UInt64

  init(shard: UInt32, fiber: FiberHandle, callSerial: UInt32, key: SipHash) {
    self.shard = shard
    self.fiber = fiber
    self.callSerial = callSerial
    tag = key.tag(
      UInt64(shard) &<< 32 | UInt64(callSerial), UInt64(fiber.index) &<< 32 | UInt64(fiber.generation))
  }

  /// Whether the tag was made with this key.
  func isGenuine(_ key: SipHash) -> Bool {
    tag == TaskToken(shard: shard, fiber: fiber, callSerial: callSerial, key: key).tag
  }

  /// Reads a token; whether it is genuine is another question.
  init?(_ text: String) {
    guard text.utf8.count <= 64 else { return nil }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 6, parts[0] == "smt", let tag = UInt64(parts[5], radix: 36) else { return nil }
    let numbers = parts[1...4].compactMap { UInt32($0, radix: 36) }
    guard numbers.count == 4 else { return nil }
    shard = numbers[0]
    fiber = FiberHandle(index: numbers[1], generation: numbers[2])
    callSerial = numbers[3]
    self.tag = tag
  }

  var text: String {
    let numbers = [shard, fiber.index, fiber.generation, callSerial].map { String($0, radix: 36) }
    return "smt-" + numbers.joined(separator: "-") + "-" + String(tag, radix: 36)
  }
}

extension Shard {
  /// The token of the call that a fiber makes or waits for.
  func token(of fiber: UnsafeMutablePointer<Fiber>) -> TaskToken { callID(of: fiber).token }

  @inline(__always)
  func callID(of fiber: UnsafeMutablePointer<Fiber>) -> TaskCallID {
    TaskCallID(
      shard: state.pointee.number, serial: fiber.pointee.callSerial,
      fiber: FiberHandle(index: fiber.pointee.index, generation: fiber.pointee.generation),
      key: state.pointee.tokenKey)
  }
}

/// Task tokens as those outside the core see them.
package enum TaskTokenText {
  /// Whether a text looks like a token. Whether it is one, its shard says.
  package static func isWellFormed(_ text: String) -> Bool { TaskToken(text) != nil }
}
