// Rows of bindings. A row is an array of values: the item, the number of the path that
// laid the row out, and the values of that path's columns, each of which belongs to a
// slot of the frame. To evaluate something "in a row" its columns are put into the slots.

extension JSONataMachine {
  /// Puts the bindings of a row where variables are read.
  mutating func bindRow(_ row: Value) {
    let cells = row.elements
    let path = program.pointee.paths[Int(cells[1].integerValue)]
    let columns = lists + Int(path.columns)
    for index in 0..<Int(path.columnCount) { functionFrame[Int(columns[index])] = cells[index + 2] }
  }

  /// A copy of a row with another item.
  private mutating func row(_ row: Value, item: Value) -> UnsafeMutablePointer<Value> {
    let copy = arena.pointee.elements(row.count)
    copy.update(from: row.address.assumingMemoryBound(to: Value.self), count: row.count)
    copy[0] = item
    return copy
  }

  /// A row of a path that has bound nothing yet.
  private mutating func freshRow(_ path: JSONataProgram.Path, _ item: Value) -> Value {
    let count = Int(path.columnCount) + 2
    let cells = arena.pointee.elements(count)
    for index in 2..<max(count, 3) where index < count { cells[index] = .unbound }
    cells[0] = item
    cells[1] = .integer(Int64(path.identity))
    return .array(cells, count: count)
  }

  /// The rest of a path, from the first step on that binds something.
  @inline(never)
  mutating func tuplePath(_ path: JSONataProgram.Path, from first: Int, _ list: Value) -> Value {
    let columns = lists + Int(path.columns)
    for index in 0..<Int(path.columnCount) { functionFrame[Int(columns[index])] = .unbound }
    let steps = program.pointee.steps + Int(path.steps)
    var rows = Value.missing
    for index in first..<Int(path.stepCount) {
      let step = steps + index
      if step.pointee.terms >= 0 && rows.isMissing {
        let sorted = sort(step, list)
        if sorted.isFailure { return sorted }
        rows = makeRows(path, sorted, index: step.pointee.index)
      } else {
        if rows.isMissing { rows = makeRows(path, list, index: -1) }
        if rows.isFailure { return rows }
        rows = step.pointee.terms >= 0 ? sort(step, rows) : tupleStep(step, rows)
        if !rows.isFailure { rows = rows.with(Value.tuples) }
      }
      if rows.isFailure { return rows }
      rows = stages(step, rows)
      if rows.isFailure { return rows }
    }
    var result = rows
    if !path.keepsTuples {
      result = items(of: rows)
      if result.isFailure { return result }
    }
    if path.keepSingleton { result.head |= Value.keepSingleton }
    if path.group >= 0 { return group(program.pointee.groups[Int(path.group)], rows) }
    return result
  }

  private mutating func makeRows(_ path: JSONataProgram.Path, _ list: Value, index column: Int32) -> Value {
    let base = top
    for (index, item) in list.elements.enumerated() {
      guard step() else {
        top = base
        return .failure
      }
      let row = freshRow(path, item)
      if column >= 0 {
        UnsafeMutablePointer(mutating: row.elements.baseAddress.unsafelyUnwrapped)[Int(column) + 2] =
          .integer(Int64(index))
      }
      push(row)
    }
    return popArray(from: base, flags: Value.tuples | Value.sequence)
  }

  /// One step for each row; a result with several items makes several rows.
  private mutating func tupleStep(
    _ step: UnsafeMutablePointer<JSONataProgram.Step>, _ rows: Value
  ) -> Value {
    let base = top
    for row in rows.elements {
      bindRow(row)
      let context = row.elements[0]
      let result = evaluateRows(step.pointee.node, context)
      if result.isFailure {
        top = base
        return result
      }
      if result.isMissing { continue }
      let isRows = result.isArray && result.has(Value.tuples)
      let count = result.isArray ? result.count : 1
      for index in 0..<count {
        guard self.step() else {
          top = base
          return .failure
        }
        let item = result.isArray ? result.elements[index] : result
        if isRows {
          push(merge(row, item))
          continue
        }
        let cells = self.row(row, item: step.pointee.focus >= 0 ? context : item)
        if step.pointee.focus >= 0 { cells[Int(step.pointee.focus) + 2] = item }
        if step.pointee.index >= 0 { cells[Int(step.pointee.index) + 2] = .integer(Int64(index)) }
        if step.pointee.ancestor >= 0 { cells[Int(step.pointee.ancestor) + 2] = context }
        push(.array(cells, count: row.count))
      }
    }
    return popArray(from: base, flags: Value.tuples | Value.sequence)
  }

  /// A row with the item and the bindings of one that a path in parentheses made.
  private mutating func merge(_ outer: Value, _ inner: Value) -> Value {
    let cells = row(outer, item: inner.elements[0])
    let outerPath = program.pointee.paths[Int(outer.elements[1].integerValue)]
    let innerPath = program.pointee.paths[Int(inner.elements[1].integerValue)]
    for index in 0..<Int(innerPath.columnCount) {
      let value = inner.elements[index + 2]
      if value.kind == .unbound { continue }
      let slot = lists[Int(innerPath.columns) + index]
      for column in 0..<Int(outerPath.columnCount) where lists[Int(outerPath.columns) + column] == slot {
        cells[column + 2] = value
      }
    }
    return .array(cells, count: outer.count)
  }

  private mutating func stages(_ step: UnsafeMutablePointer<JSONataProgram.Step>, _ list: Value) -> Value {
    var rows = list
    for index in 0..<Int(step.pointee.stageCount) {
      let stage = program.pointee.stages[Int(step.pointee.stages) + index]
      if stage.node >= 0 {
        rows = filterRows(stage, rows)
        if rows.isFailure { return rows }
      } else if stage.column >= 0 {
        for (position, row) in rows.elements.enumerated() {
          UnsafeMutablePointer(mutating: row.elements.baseAddress.unsafelyUnwrapped)[Int(stage.column) + 2] =
            .integer(Int64(position))
        }
      }
    }
    return rows
  }

  mutating func filterRows(_ stage: JSONataProgram.Stage, _ rows: Value) -> Value {
    let base = top
    let count = rows.count
    if stage.isIndex {
      let index = stage.literal < 0 ? stage.literal &+ Int64(count) : stage.literal
      if index >= 0 && index < Int64(count) { push(rows.elements[Int(index)]) }
    } else {
      for (index, row) in rows.elements.enumerated() {
        bindRow(row)
        let result = evaluate(stage.node, row.elements[0])
        switch passes(result, index, count) {
        case 0: break
        case -1:
          top = base
          return .failure
        case let times: for _ in 0..<times { push(row) }
        }
      }
    }
    return popArray(from: base, flags: Value.tuples | Value.sequence)
  }
}
