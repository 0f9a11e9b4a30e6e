import Stepmill

/// Reads rows without running them.
package enum BatchCount {
  /// How many executions the rows of some files make.
  package static func rows(of sources: [BatchSource], _ options: BatchRun.Options) throws(RowError) -> Int {
    var counted = options
    counted.sample = nil
    counted.limit = nil
    var count = 0
    for source in sources {
      var reading = Reading(
        counted, DoneRows(), addBytes: { _ in }, isStopping: { false }, emit: { count += $0.count },
        skip: { _ in })
      try reading.read(source)
    }
    return count
  }

  /// The inputs of the first executions.
  package static func first(
    _ wanted: Int, of sources: [BatchSource], _ options: BatchRun.Options
  ) throws(RowError) -> [[UInt8]] {
    var limited = options
    limited.limit = wanted
    var inputs: [[UInt8]] = []
    var reading = Reading(
      limited, DoneRows(), addBytes: { _ in }, isStopping: { false },
      emit: { chunk in
        for place in 0..<chunk.count where !chunk.isLeftOut(place) {
          inputs.append(chunk.text(of: place))
        }
      }, skip: { _ in })
    for source in sources {
      try reading.read(source)
      if reading.isDone { break }
    }
    return inputs
  }
}
