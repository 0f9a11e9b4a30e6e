import Testing

@testable import StepmillBatch

/// Proves that a box is one loop's until it is given back, that the writer gets at the block when
/// nobody has it and has it sent otherwise, and that the loop with the least to do is found.
@Suite struct LoopBoxesTests {
  private func block(_ rows: Int...) -> ResultBlock {
    let block = ResultBlock()
    for row in rows { block.addSkipped(row..<row + 1) }
    return block
  }

  private func rows(_ blocks: [ResultBlock]) -> [Int] { blocks.flatMap { $0.entries.map(\.row) } }

  @Test func theFirstEndOfATurnTakesTheBox() throws {
    let boxes = LoopBoxes()
    var isFirst = false
    let box = try #require(boxes.box(of: 3, isFirst: &isFirst))
    #expect(isFirst)
    _ = box.take(block(7))
    box.count(true)
    isFirst = false
    let again = try #require(boxes.box(of: 3, isFirst: &isFirst))
    #expect(!isFirst)
    again.count(false)
    let turn = boxes.endTurn(of: 3)
    #expect(turn.succeeded == 1 && turn.failed == 1)
    // The block stays for the next turn; the counts do not.
    isFirst = false
    let next = try #require(boxes.box(of: 3, isFirst: &isFirst))
    #expect(isFirst)
    #expect(next.block?.with { $0.entries.map(\.row) } == [7])
    let second = boxes.endTurn(of: 3)
    #expect(second.succeeded == 0 && second.failed == 0)
  }

  @Test func aBoxIsOnlyOneLoops() {
    let boxes = LoopBoxes()
    var isFirst = false
    #expect(boxes.box(of: 5, isFirst: &isFirst) != nil)
    // There are 64 boxes, so this loop has the same.
    isFirst = false
    #expect(boxes.box(of: 69, isFirst: &isFirst) == nil)
    #expect(!isFirst)
    _ = boxes.endTurn(of: 5)
    #expect(boxes.box(of: 69, isFirst: &isFirst) != nil)
    #expect(isFirst)
    _ = boxes.endTurn(of: 69)
  }

  @Test func whoIsNoLoopHasNone() {
    let boxes = LoopBoxes()
    var isFirst = false
    #expect(boxes.box(of: 0, isFirst: &isFirst) == nil)
    #expect(!isFirst)
    // A loop whose box is the same finds it free.
    #expect(boxes.box(of: 64, isFirst: &isFirst) != nil)
    #expect(boxes.box(of: 0, isFirst: &isFirst) == nil)
    _ = boxes.endTurn(of: 64)
  }

  @Test func theWriterTakesWhatNobodyHasAndAsksForTheRest() throws {
    let boxes = LoopBoxes()
    var isFirst = false
    _ = try #require(boxes.box(of: 1, isFirst: &isFirst)).take(block(10))
    _ = boxes.endTurn(of: 1)
    let busy = try #require(boxes.box(of: 2, isFirst: &isFirst))
    _ = busy.take(block(20))
    #expect(!busy.isWanted)
    #expect(rows(boxes.takeBlocks()) == [10])
    #expect(busy.isWanted)
    #expect(busy.giveBlock().map { rows([$0]) } == [20])
    #expect(!busy.isWanted)
    _ = boxes.endTurn(of: 2)
    #expect(boxes.takeBlocks().isEmpty)
  }

  @Test func blocksThatNobodyTookGoWithTheBoxes() throws {
    weak var left: ResultBlock?
    do {
      let boxes = LoopBoxes()
      var isFirst = false
      let block = block(1)
      left = block
      _ = try #require(boxes.box(of: 1, isFirst: &isFirst)).take(block)
      _ = boxes.endTurn(of: 1)
    }
    #expect(left == nil)
  }

  @Test func theLoopWithTheFewestRowsIsNext() {
    let boxes = LoopBoxes()
    #expect(boxes.idlest(of: []) == 0)
    boxes.noteStarted(64, on: 1)
    boxes.noteStarted(10, on: 2)
    boxes.noteStarted(11, on: 3)
    #expect(boxes.idlest(of: [1, 2, 3]) == 2)
    boxes.noteEnded(60, on: 1)
    #expect(boxes.idlest(of: [1, 2, 3]) == 1)
  }
}
