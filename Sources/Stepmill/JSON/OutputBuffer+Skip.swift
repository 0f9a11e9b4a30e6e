extension OutputBuffer {
  /// Leaves room that the caller fills later.
  mutating func skip(_ size: Int) {
    commit(reserve(size) + size)
  }
}
