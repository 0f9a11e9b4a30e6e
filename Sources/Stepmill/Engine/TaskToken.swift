/// What a task token says: which shard, which fiber, which call.
///
/// The text is opaque to users and easy to check here: a token of another call, another
/// execution or another process does not resolve.
struct TaskToken: Hashable, Sendable {
  var shard: UInt32
  var fiber: FiberHandle
  var callSerial: UInt32

  init(shard: UInt32, _ fiber: UnsafeMutablePointer<Fiber>) {
    self.shard = shard
    self.fiber = FiberHandle(index: fiber.pointee.index, generation: fiber.pointee.generation)
    callSerial = fiber.pointee.callSerial
  }

  init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0] == "smt" else { return nil }
    let numbers = parts.dropFirst().compactMap { UInt32($0, radix: 36) }
    guard numbers.count == 4 else { return nil }
    shard = numbers[0]
    fiber = FiberHandle(index: numbers[1], generation: numbers[2])
    callSerial = numbers[3]
  }

  var text: String {
    let numbers = [shard, fiber.index, fiber.generation, callSerial].map { String($0, radix: 36) }
    return "smt-" + numbers.joined(separator: "-")
  }
}
