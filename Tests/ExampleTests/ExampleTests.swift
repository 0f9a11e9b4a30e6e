import Foundation
import Testing

/// Proves that the examples run and print what their readers are told, each in a process of
/// its own.
@Suite struct ExampleTests {
  /// Runs a program that was built beside these tests, and gives what it prints.
  private func run(_ name: String) throws -> [String] {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
      .appendingPathComponent(name)
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func anOrderIsRetriedAndUndone() throws {
    #expect(
      try run("Order") == [
        "order A-1:",
        "  stock.reserve A-1",
        "  payment.charge A-1: busy",
        "  payment.charge A-1: 30",
        "  parcel.ship A-1",
        #"  {"order":"A-1","status":"confirmed","parcel":"P-A-1"}"#,
        "order A-2:",
        "  stock.reserve A-2",
        "  payment.charge A-2: 99",
        "  parcel.ship A-2",
        "  payment.refund A-2",
        "  stock.release A-2",
        #"  {"order":"A-2","status":"cancelled","because":"Parcel.NoCarrier"}"#,
      ])
  }

  @Test func aBatchIsTakenUpAgain() throws {
    #expect(
      try run("Batch") == [
        "first: S-0 S-1 S-2", "complete: false", "succeeded: 996, failed: 4, complete: true",
      ])
  }

  @Test func aLoanIsDecided() throws {
    #expect(
      try run("LoanApproval") == [
        "Your application L-Ada-25000 is approved.",
        "Your application L-Ben-90000 is with a person.",
        "Your application L-Cleo-5000 is declined.",
      ])
  }

  @Test func anAssistantUnderstandsActsAndAnswers() throws {
    #expect(
      try run("DeliveryAssistant") == [
        "> Where is my parcel?",
        "  [track] Thank you for writing. Parcel P-4711",
        "> Please bring it on Friday.",
        "  [reschedule] Thank you for writing. New day: Friday",
        "> I like your vans.",
        "  [other] Thank you for writing. A person will write to you.",
      ])
  }

  @Test func invoicesAreAddedUp() throws {
    #expect(
      try run("Invoice") == [
        "Ada pays 124.92", "Ben pays 1,200.00", "Cleo pays 12,000.00 (Discount.AskFirst)",
      ])
  }

  @Test func rowsArePricedOrRejected() throws {
    let lines = try run("Rows")
    #expect(lines.first == "1000 rows, 996 priced, total 592288 cents")
    #expect(lines.dropFirst().first == #"  {"row":99,"rejected":"no quantity or no price"}"#)
    #expect(lines.count == 5)
  }

  @Test func aServiceKeepsItsLoop() throws {
    #expect(
      try run("Service") == [
        #"68: {"fahrenheit":68,"celsius":20,"state":"fine"}"#,
        #"95: {"fahrenheit":95,"celsius":35,"state":"alarm"}"#,
        #"71: {"fahrenheit":71,"celsius":21,"state":"fine"}"#,
        #"104: {"fahrenheit":104,"celsius":40,"state":"alarm"}"#,
        "executions: 4",
        "the loop is clean",
      ])
  }

  @Test func expressionsWithoutAWorkflow() throws {
    #expect(
      try run("Expressions") == [
        "order A-1: 30, large",
        "order A-2: 7",
        "order A-3: empty",
        #"S0211: The symbol "]" cannot be used as a unary operator (at character 15)"#,
      ])
  }

  @Test func theLeastThatEmbeds() throws {
    #expect(try run("Embed") == [#"{"text":"Hello, world"}"#])
  }
}
