// Object constructors and groupings, which are one thing: the items are grouped by what
// the key expressions give, and the value expression of a group sees all its items.

extension JSONataMachine {
  private struct Entry: BitwiseCopyable {
    var key: Value
    var hash: Int
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
    // At most as many of each as there are items and pairs; entries grow, for groups are few.
    let linkMax = max(count, 1) &* Int(group.pairCount)
    guard mayBuild(linkMax &* 8) else { return .failure }
    let links = arena.pointee.allocate(linkMax &* MemoryLayout<Link>.stride)
      .bindMemory(to: Link.self, capacity: linkMax)
    var linkCount = 0
    var entryCount = 0
    var entryMax = 32
    var entries = makeEntries(entryMax)
    var buckets = makeBuckets(entryMax)
    // An empty list still gives the object that constant keys make.
    for index in 0..<max(count, 1) {
      let item = input.isArray ? (index < count ? input.elements[index] : .missing) : input
      let hasRow = isRows && index < count
      if hasRow { bindRow(item) }
      for pair in 0..<Int(group.pairCount) {
        let key = evaluate(pairs[pair].key, hasRow ? item.elements[0] : item)
        if key.isFailure { return key }
        guard step() else { return .failure }
        guard key.isString else {
          if key.isMissing { continue }
          let result = fail(.t1003, value: key)
          error?.position = Int(group.position)
          return result
        }
        if entryCount == entryMax {
          entryMax *= 4
          let larger = makeEntries(entryMax)
          larger.update(from: entries, count: entryCount)
          entries = larger
          buckets = makeBuckets(entryMax)
          for index in 0..<entryCount {
            let bucket = entries[index].hash & (entryMax &- 1)
            entries[index].next = buckets[bucket]
            buckets[bucket] = Int32(index)
          }
        }
        let hash = Self.hash(key)
        let bucket = hash & (entryMax &- 1)
        var next = buckets[bucket]
        while next >= 0 {
          let other = entries + Int(next)
          if other.pointee.hash == hash && other.pointee.key.count == key.count
            && Value.sameShort(other.pointee.key, key)
          {
            break
          }
          next = other.pointee.next
        }
        let link = Int32(linkCount)
        links[linkCount] = Link(item: Int32(index), next: -1)
        linkCount &+= 1
        if next < 0 {
          entries[entryCount] = Entry(
            key: key.asKey, hash: hash, pair: Int32(truncatingIfNeeded: pair), first: link, last: link,
            count: 1,
            next: buckets[bucket])
          buckets[bucket] = Int32(entryCount)
          entryCount &+= 1
          continue
        }
        let entry = entries + Int(next)
        if Int(entry.pointee.pair) != pair {
          let result = fail(.d1009, value: key)
          error?.position = Int(group.position)
          return result
        }
        links[Int(entry.pointee.last)].next = link
        entry.pointee.last = link
        entry.pointee.count &+= 1
      }
    }
    let members = arena.pointee.members(entryCount)
    var used = 0
    for index in 0..<entryCount {
      let entry = entries[index]
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

  private func makeEntries(_ count: Int) -> UnsafeMutablePointer<Entry> {
    arena.pointee.allocate(count &* MemoryLayout<Entry>.stride).bindMemory(to: Entry.self, capacity: count)
  }

  private func makeBuckets(_ count: Int) -> UnsafeMutablePointer<Int32> {
    let buckets = arena.pointee.allocate(count &* 4).bindMemory(to: Int32.self, capacity: count)
    buckets.initialize(repeating: -1, count: count)
    return buckets
  }

  /// What the value expression of a group sees: its one item, or all of them in an array.
  /// For rows the columns are gathered in the same way, and bound.
  private mutating func context(
    of entry: Entry, _ links: UnsafeMutablePointer<Link>, _ input: Value, _ isRows: Bool
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

  private mutating func gather(_ entry: Entry, _ links: UnsafeMutablePointer<Link>, _ cell: (Int32) -> Value)
    -> Value
  {
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
