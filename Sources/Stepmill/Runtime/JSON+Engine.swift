extension JSON {
  /// The value, copied into an execution's memory.
  func copied(to arena: UnsafeMutablePointer<Arena>) -> EngineValue { withValue { $0.copy(to: arena) } }
}
