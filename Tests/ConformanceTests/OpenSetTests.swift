import ConformanceKit
import Stepmill
import Testing

/// Runs the open part of every set in this process and holds the share that was reached.
@Suite struct OpenSetTests {
  /// - Parameter isCounted: Which cases count; the others are not run.
  private func tally(_ set: ConformanceSet, where isCounted: (JSON) -> Bool = { _ in true }) throws -> Tally {
    var tally = Tally()
    for each in try CaseFile(path: ConformanceData.path(of: set)).cases where isCounted(each.row) {
      let answer = set.run(each.row)
      tally.add(answer)
      if !answer.isOK, answer.skipped == nil {
        print(
          "\(set.rawValue): differs: \(each.id): \(answer.difference ?? "got \(answer.got.text.prefix(300))")"
        )
      }
    }
    print("\(set.rawValue): \(tally.summary)")
    return tally
  }

  @Test(.enabled(if: ConformanceData.has(.json), "no json set in \(ConformanceData.directory)"))
  func json() throws {
    let tally = try tally(.json)
    #expect(tally.failed == 0 && tally.skipped == 0 && tally.passed > 100)
  }

  @Test(.enabled(if: ConformanceData.has(.jayway), "no jayway set in \(ConformanceData.directory)"))
  func jayway() throws {
    let tally = try tally(.jayway)
    #expect(tally.passed * 100 >= tally.run * 98 && tally.skipped == 0 && tally.passed > 1000)
  }

  /// Step Functions follows the library where it differs from the standard, so only the cases
  /// count on which both agree.
  @Test(.enabled(if: ConformanceData.has(.rfc9535), "no rfc9535 set in \(ConformanceData.directory)"))
  func rfc9535() throws {
    let tally = try tally(.rfc9535) { row in
      row["jayway"]?.object?.allSatisfy { $0.value["agrees"] == true } ?? false
    }
    #expect(tally.failed == 0 && tally.passed > 50)
  }

  /// All of them, but for those about what Step Functions does not have.
  @Test(.enabled(if: ConformanceData.has(.jsonata), "no jsonata set in \(ConformanceData.directory)"))
  func jsonata() throws {
    let tally = try tally(.jsonata) { $0["sfn"]?.string != "no" }
    #expect(tally.failed == 0 && tally.skipped == 0 && tally.passed > 900)
  }

  /// Outcomes and histories of everything that needs nothing but the interpreter and functions.
  @Test(.enabled(if: ConformanceData.has(.asl), "no asl set in \(ConformanceData.directory)"))
  func executions() throws {
    let tally = try tally(.asl)
    // A recording of 2023 has a Distributed Map refuse a file that holds an object, whose members
    // are items since.
    #expect(tally.outcomes >= tally.run - 1 && tally.run > 300)
    #expect(tally.passed * 100 >= tally.run * 97)
  }

  /// The same by way of the service's API.
  @Test(.enabled(if: ConformanceData.has(.service), "no asl set in \(ConformanceData.directory)"))
  func executionsByTheAPI() throws {
    let tally = try tally(.service)
    #expect(tally.passed * 100 >= tally.run * 97 && tally.run > 280)
  }

  /// Sequences of API calls, with their errors' texts.
  @Test(.enabled(if: ConformanceData.has(.scripts), "no scripts in \(ConformanceData.directory)"))
  func scripts() throws {
    let tally = try tally(.scripts)
    #expect(tally.passed * 100 >= tally.run * 95 && tally.run > 200)
  }

  /// Stale and disputed verdicts do not count. Three others go against what the service itself takes: a script
  /// in an index (`[(@.length-1)]`), arguments without commas between them, and members that `$states` does
  /// not have.
  @Test(.enabled(if: ConformanceData.has(.validation), "no validation set in \(ConformanceData.directory)"))
  func validation() throws {
    let tally = try tally(.validation) { row in
      row["stale"] == nil && row["disputed"] == nil
        // What such a case is about shows in its text, which is not JSON.
        && !(row["id"]?.string?.contains("duplicate-key") == true && row["text_format"]?.string == "yaml")
    }
    #expect(tally.failed <= 3 && tally.run > 150)
  }

  /// Codes, messages, places and their order, as the service gave them.
  @Test(.enabled(if: ConformanceData.has(.definitions), "no scripts in \(ConformanceData.directory)"))
  func definitions() throws {
    let tally = try tally(.definitions)
    #expect(tally.failed == 0 && tally.run > 100)
  }

  @Test(.enabled(if: ConformanceData.has(.corpus), "no corpus in \(ConformanceData.directory)"))
  func corpus() throws {
    let tally = try tally(.corpus)
    #expect(tally.failed == 0 && tally.passed > 50)
  }
}
