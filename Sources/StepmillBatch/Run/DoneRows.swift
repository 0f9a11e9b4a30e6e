// Which rows are done, where they end in any order.
//
// Rows come to their ends nearly in order, but one may take an hour while millions pass it. So
// what is done is kept by pages of 4,096: a page in which some are missing is a bitmap, a page
// without a gap is a number in a list of ranges. There are at most as many bitmaps as rows
// under way, and never more ranges than bitmaps and one.

package struct DoneRows: Sendable, Equatable {
  private static let pageBits = 12
  private static let pageRows = 1 << pageBits

  private struct Page: Sendable, Equatable {
    var words = [UInt64](repeating: 0, count: pageRows / 64)
    var count = 0
  }

  /// Pages with gaps.
  private var pages: [Int: Page] = [:]
  /// Pages without, as ranges of page numbers, in order and not touching.
  private var full: [Range<Int>] = []
  /// Rows that are done.
  package private(set) var count = 0

  package init() {}

  /// Notes rows as done. Those that are already stay so.
  package mutating func insert(_ rows: Range<Int>) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let number = row >> Self.pageBits
      let end = min(rows.upperBound, (number + 1) << Self.pageBits)
      insert(row..<end, page: number)
      row = end
    }
  }

  private mutating func insert(_ rows: Range<Int>, page number: Int) {
    if rows.count == Self.pageRows, pages[number] == nil {
      if !isFull(number) {
        count += rows.count
        setFull(number)
      }
      return
    }
    if pages[number] == nil, isFull(number) { return }
    let added = Self.mark(rows, in: &pages[number, default: Page()])
    count += added
    if pages[number]?.count == Self.pageRows {
      pages[number] = nil
      setFull(number)
    }
  }

  private static func mark(_ rows: Range<Int>, in page: inout Page) -> Int {
    var added = 0
    for row in rows {
      let place = row & (pageRows - 1)
      let bit = UInt64(1) << UInt64(place & 63)
      if page.words[place >> 6] & bit == 0 {
        page.words[place >> 6] |= bit
        added += 1
      }
    }
    page.count += added
    return added
  }

  /// The first range that ends behind a page.
  private func firstRange(endingBehind number: Int) -> Int {
    var low = 0
    var high = full.count
    while low < high {
      let middle = (low + high) / 2
      if full[middle].upperBound > number { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private func isFull(_ number: Int) -> Bool {
    let index = firstRange(endingBehind: number)
    return index < full.count && full[index].contains(number)
  }

  private mutating func setFull(_ number: Int) {
    let index = firstRange(endingBehind: number)
    let joinsBefore = index > 0 && full[index - 1].upperBound == number
    let joinsAfter = index < full.count && full[index].lowerBound == number + 1
    switch (joinsBefore, joinsAfter) {
    case (true, true):
      full[index - 1] = full[index - 1].lowerBound..<full[index].upperBound
      full.remove(at: index)
    case (true, false): full[index - 1] = full[index - 1].lowerBound..<number + 1
    case (false, true): full[index] = number..<full[index].upperBound
    case (false, false): full.insert(number..<number + 1, at: index)
    }
  }

  package func contains(_ row: Int) -> Bool {
    let number = row >> Self.pageBits
    guard let page = pages[number] else { return isFull(number) }
    let place = row & (Self.pageRows - 1)
    return page.words[place >> 6] & (1 << UInt64(place & 63)) != 0
  }

  /// Everything as ranges of rows, in order and not touching.
  package var ranges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    func add(_ range: Range<Int>) {
      if let last = ranges.last, last.upperBound == range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
      } else {
        ranges.append(range)
      }
    }
    var wholes = full[...]
    for number in pages.keys.sorted() {
      while let whole = wholes.first, whole.lowerBound < number {
        add(whole.lowerBound << Self.pageBits..<whole.upperBound << Self.pageBits)
        wholes.removeFirst()
      }
      let words = pages[number, default: Page()].words
      var row = 0
      while row < Self.pageRows {
        guard words[row >> 6] & (1 << UInt64(row & 63)) != 0 else {
          row += 1
          continue
        }
        var end = row + 1
        while end < Self.pageRows, words[end >> 6] & (1 << UInt64(end & 63)) != 0 { end += 1 }
        add((number << Self.pageBits) + row..<(number << Self.pageBits) + end)
        row = end
      }
    }
    for whole in wholes { add(whole.lowerBound << Self.pageBits..<whole.upperBound << Self.pageBits) }
    return ranges
  }

  package init(_ ranges: [Range<Int>]) {
    for range in ranges { insert(range) }
  }

  /// How many rows from the first one on are done without a gap.
  package var prefix: Int {
    var number = 0
    if let first = full.first, first.lowerBound == 0 { number = first.upperBound }
    guard let page = pages[number] else { return number << Self.pageBits }
    for (index, word) in page.words.enumerated() where word != .max {
      return (number << Self.pageBits) + index * 64 + (~word).trailingZeroBitCount
    }
    return (number + 1) << Self.pageBits
  }
}
