import ConformanceKit
import Testing

/// Runs the open part of every set in this process and holds the share that was reached.
@Suite struct OpenSetTests {
  private func tally(_ set: ConformanceSet, where isCounted: (CaseAnswer) -> Bool = { _ in true }) throws -> Tally {
    var tally = Tally()
    for each in try CaseFile(path: ConformanceData.path(of: set)).cases {
      let answer = set.run(each.row)
      tally.add(answer)
      if !answer.isOK, answer.skipped == nil {
        print("\(set.rawValue): differs: \(each.id): \(answer.difference ?? "got \(answer.got.text.prefix(300))")")
      }
    }
    print("\(set.rawValue): \(tally.summary)")
    return tally
  }

  @Test(.enabled(if: ConformanceData.has(.json), "no json set in \(ConformanceData.directory)"))
  func json() throws {
    let tally = try tally(.json)
    #expect(tally.failed == 0 && tally.passed > 100)
  }

  @Test(.enabled(if: ConformanceData.has(.jayway), "no jayway set in \(ConformanceData.directory)"))
  func jayway() throws {
    let tally = try tally(.jayway)
    #expect(tally.passed * 100 >= tally.run * 98 && tally.passed > 1000)
  }
}
