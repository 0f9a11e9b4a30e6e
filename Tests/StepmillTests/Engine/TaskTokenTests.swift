import Testing

@testable import Stepmill

/// Proves that only the token that was given out completes a task.
@Suite struct TaskTokenTests {
  private static let machine =
    #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"t.$":"$$.Task.Token"},"End":true}}}"#

  @Test func guessedTokens() throws {
    let run = try EngineRun(Self.machine)
    let token = try #require(run.calls.first?.token)
    #expect(run.calls.first?.input == ["t": JSON(token)])
    let parts = token.split(separator: "-").map(String.init)
    for position in 1..<parts.count {
      var changed = parts
      changed[position] = parts[position] == "0" ? "1" : "0"
      let guess = changed.joined(separator: "-")
      #expect(!run.loop.complete(guess, .success([:])))
      #expect(!run.loop.heartbeat(guess))
    }
    for guess in [
      "", "smt", "smt-0-1-0-1", "smt-0-1-0-1-", token + "-0", token + "0",
      String(repeating: "z", count: 9999),
    ] {
      #expect(!run.loop.complete(guess, .success([:])))
    }
    #expect(run.loop.heartbeat(token))
    #expect(run.loop.complete(token, .success(["done": true])))
    run.run()
    #expect(run.outcome == .succeeded(["done": true]))
    #expect(!run.loop.complete(token, .success([:])))
  }

  /// The reference implementation's vectors: the key 00…0f, messages 00, 00 01, ….
  @Test(arguments: [
    (0, 0x726f_db47_dd0e_0e31 as UInt64), (1, 0x74f8_39c5_93dc_67fd), (7, 0xab02_00f5_8b01_d137),
    (8, 0x93f5_f579_9a93_2462), (15, 0xa129_ca61_49be_45e5),
  ])
  func sipHash(count: Int, expected: UInt64) {
    let hash = SipHash(key: 0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
    let message = (0..<count).map { UInt8($0) }
    #expect(message.withUnsafeBytes { hash.tag($0) } == expected)
    let words = (0..<16).map { UInt8($0) }
    #expect(
      words.withUnsafeBytes { hash.tag($0) } == hash.tag(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))
  }
}
