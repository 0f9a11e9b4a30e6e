// Object constructors and groupings, which are one thing: the items are grouped by what
// the key expressions give, and the value expression of a group sees all its items.

extension JSONataMachine {
  private struct Entry: BitwiseCopyable {
    var key: Value
    var pair: Int32
    var first: Int32
    var last: Int32
    var count: Int32
    /// The next entry in the same bucket.
    var next: Int32
  }

  private struct Link: BitwiseCopyable {
    var item: Int32
    var next: Int32
  }

  @inline(never)
  mutating func group(_ group: JSONataProgram.Group, _ input: Value) -> Value {
    if group.constantKeys && !input.isArray { return object(group, input) }
    return grouping(group, input)
  }

  /// The usual object constructor: constant keys, one context.
  private mutating func object(_ group: JSONataProgram.Group, _ input: Value) -> Value {
    let pairs = program.pointee.pairs + Int(group.pairs)
    let count = Int(group.pairCount)
    let members = arena.pointee.members(count)
    var used = 0
    for index in 0..<count {
      let value = evaluate(pairs[index].value, input)
      if value.isFailure { return value }
      if value.isMissing { continue }
      members[used] = Member(key: constants[Int(nodes[Int(pairs[index].key)].a)], value: value)
      used &+= 1
    }
    return Value.object(members, count: used).with(Value.fresh)
  }

  @inline(never)
  private mutating func grouping(_ group: JSONataProgram.Group, _ input: Value) -> Value {
    let isRows = input.isArray && input.has(Value.tuples)
    let pairs = program.pointee.pairs + Int(group.pairs)
    let count = input.isArray ? input.count : 1
    var entries: [Entry] = []
    var links: [Link] = []
    var buckets = [Int32](repeating: -1, count: 64)
    // An empty list still gives the object that constant keys make.
    for index in 0..<max(count, 1) {
      let item = input.isArray ? (index < count ? input.elements[index] : .missing) : input
      let hasRow = isRows && index < count
      if hasRow { bindRow(item) }
      for pair in 0..<group.pairCount {
        let key = evaluate(pairs[Int(pair)].key, hasRow ? item.elements[0] : item)
        if key.isFailure { return key }
        guard step() else { return .failure }
        guard key.isString else {
          if key.isMissing { continue }
          let result = fail(.t1003, value: key)
          error?.position = Int(group.position)
          return result
        }
        if entries.count > buckets.count { rehash(&buckets, &entries) }
        let bucket = Self.hash(key) & (buckets.count - 1)
        var entry = buckets[bucket]
        while entry >= 0 && !entries[Int(entry)].key.sameText(key) { entry = entries[Int(entry)].next }
        let link = Int32(links.count)
        links.append(Link(item: Int32(index), next: -1))
        if entry < 0 {
          let new = Entry(
            key: key.asKey, pair: pair, first: link, last: link, count: 1, next: buckets[bucket])
          buckets[bucket] = Int32(entries.count)
          entries.append(new)
          continue
        }
        if entries[Int(entry)].pair != pair {
          let result = fail(.d1009, value: key)
          error?.position = Int(group.position)
          return result
        }
        links[Int(entries[Int(entry)].last)].next = link
        entries[Int(entry)].last = link
        entries[Int(entry)].count += 1
      }
    }
    let members = arena.pointee.members(entries.count)
    var used = 0
    for entry in entries {
      let context = self.context(of: entry, links, input, isRows)
      if context.isFailure { return context }
      let value = evaluate(pairs[Int(entry.pair)].value, context)
      if value.isFailure { return value }
      if value.isMissing { continue }
      members[used] = Member(key: entry.key, value: value)
      used &+= 1
    }
    return Value.object(members, count: used).with(Value.fresh)
  }

  private static func hash(_ key: Value) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in key.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return Int(truncatingIfNeeded: hash &>> 17)
  }

  private func rehash(_ buckets: inout [Int32], _ entries: inout [Entry]) {
    buckets = [Int32](repeating: -1, count: buckets.count * 4)
    for index in entries.indices {
      let bucket = Self.hash(entries[index].key) & (buckets.count - 1)
      entries[index].next = buckets[bucket]
      buckets[bucket] = Int32(index)
    }
  }

  /// What the value expression of a group sees: its one item, or all of them in an array.
  /// For rows the columns are gathered in the same way, and bound.
  private mutating func context(
    of entry: Entry, _ links: [Link], _ input: Value, _ isRows: Bool
  ) -> Value {
    func item(_ index: Int32) -> Value {
      input.isArray ? (Int(index) < input.count ? input.elements[Int(index)] : .missing) : input
    }
    let first = item(links[Int(entry.first)].item)
    if entry.count == 1 {
      guard isRows, first.isArray else { return first }
      bindRow(first)
      return first.elements[0]
    }
    guard isRows else { return gather(entry, links) { item($0) } }
    let path = program.pointee.paths[Int(first.elements[1].integerValue)]
    for column in 0..<Int(path.columnCount) {
      let gathered = gather(entry, links) { item($0).elements[column + 2] }
      if gathered.isFailure { return gathered }
      functionFrame[Int(lists[Int(path.columns) + column])] = gathered
    }
    return gather(entry, links) { item($0).elements[0] }
  }

  private mutating func gather(_ entry: Entry, _ links: [Link], _ cell: (Int32) -> Value) -> Value {
    let base = top
    var link = entry.first
    var found = 0
    var only = Value.missing
    while link >= 0 {
      let value = cell(links[Int(link)].item)
      link = links[Int(link)].next
      if value.isMissing || value.kind == .unbound { continue }
      found += 1
      only = value
      if value.isArray { push(contentsOf: value) } else { push(value) }
    }
    if found <= 1 {
      top = base
      return only
    }
    return popArray(from: base)
  }
}
