#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The functions that take or make arrays.

extension Intrinsic {
  @inline(__always)
  static func array(
    _ arguments: UnsafeBufferPointer<Value>, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard let first = arguments.baseAddress, arguments.count > 0 else { return .emptyArray }
    let elements = arena.pointee.elements(arguments.count)
    elements.update(from: first, count: arguments.count)
    return .array(elements, count: arguments.count)
  }

  @inline(__always)
  static func arrayLength(_ array: Value) -> Value {
    array.isArray ? .integer(Int64(array.count)) : .missing
  }

  /// The element at `index`; of an empty array always `null`, as in AWS.
  @inline(__always)
  static func arrayGetItem(_ array: Value, _ index: Value) -> Value {
    guard array.isArray, let index = index.truncated else { return .missing }
    guard array.count > 0 else { return .null }
    guard index >= 0, index < array.count else { return .missing }
    return array.elements[Int(index)]
  }

  /// The array cut into arrays of `size` elements, the last one shorter.
  static func arrayPartition(
    _ array: Value, _ size: Value, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard array.isArray, let size = truncatedOrFar(size), size >= 1 else { return .missing }
    let count = array.count
    guard count > 0 else { return .emptyArray }
    let length = Int(min(size, Int64(count)))
    let chunkCount = (count + length - 1) / length
    let chunks = arena.pointee.elements(chunkCount)
    let elements = array.elements.baseAddress.unsafelyUnwrapped
    for chunk in 0..<chunkCount {
      let start = chunk * length
      chunks[chunk] = .array(elements + start, count: min(length, count - start))
    }
    return .array(chunks, count: chunkCount)
  }

  /// The number without its fraction; the farthest integer if it is beyond 64 bits.
  private static func truncatedOrFar(_ value: Value) -> Int64? {
    if let number = value.truncated { return number }
    guard value.isNumber else { return nil }
    return value.numberAsDouble > 0 ? .max : .min
  }

  /// From `first` to `last`, both included as far as the step hits them.
  static func arrayRange(
    _ first: Value, _ last: Value, step: Value, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard let first = first.truncated, let last = last.truncated, let step = step.truncated,
      step != 0
    else { return .missing }
    if first != last && (first < last) != (step > 0) { return .emptyArray }
    // The distance of two 64-bit integers always fits 64 bits without a sign.
    let distance = UInt64(bitPattern: first < last ? last &- first : first &- last)
    let steps = distance / step.magnitude
    guard steps < UInt64(rangeCountMax) else { return .missing }
    let count = Int(steps) + 1
    let elements = arena.pointee.elements(count)
    for index in 0..<count {
      elements[index] = .integer(first &+ Int64(index) &* step)
    }
    return .array(elements, count: count)
  }

  /// Whether an element has the same text as `wanted`: AWS compares texts, so that the
  /// string "true" is found where `true` stands, and objects only in the same order.
  static func arrayContains(
    _ array: Value, _ wanted: Value, _ arena: UnsafeMutablePointer<Arena>
  ) -> Value {
    guard array.isArray, let wantedText = javaText(of: wanted, arena) else { return .missing }
    for element in array.elements {
      if element.isString {
        if element.sameText(wantedText) { return .true }
      } else if element.tag == .integer && wanted.tag == .integer {
        if element.integerValue == wanted.integerValue { return .true }
      } else {
        guard let bound = JavaTextBound(of: element) else { return .missing }
        if bound.size < wantedText.count { continue }
        let start = arena.pointee.allocate(bound.size)
        var writer = TextWriter(end: start)
        writer.append(javaTextOf: element)
        let isSame =
          writer.end - start == wantedText.count
          && memcmp(start, wantedText.address, wantedText.count) == 0
        arena.pointee.trim(to: start)
        if isSame { return .true }
      }
    }
    return .false
  }
}
