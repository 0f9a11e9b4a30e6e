import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A server that is killed under load has lost nothing that it acknowledged. Twice here;
/// STEPMILL_KILLS says how often otherwise.
@Suite struct KillTests {
  /// Beside the program that runs these tests, or the bundle that it was given.
  private static let program: String? = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let own = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for candidate in [own] + CommandLine.arguments {
      guard let slash = candidate.lastIndex(of: "/") else { continue }
      let path = candidate[..<slash] + "/stepmill-store"
      if unsafe access(String(path), X_OK) == 0 { return String(path) }
    }
    return nil
  }()

  @Test(.enabled(if: program != nil, "the program stepmill-store is not beside the tests"))
  func nothingAcknowledgedIsMissing() throws {
    let rounds = unsafe getenv("STEPMILL_KILLS").map { unsafe String(cString: $0) } ?? "2"
    let program = try #require(Self.program)
    let texts = [program, "kill", rounds]
    var words: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { (text: String) in unsafe strdup(text) }
    unsafe words.append(nil)
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var process: pid_t = 0
    #expect(unsafe posix_spawn(&process, program, nil, nil, &words, environ) == 0)
    var status: Int32 = 0
    unsafe waitpid(process, &status, 0)
    #expect(status == 0)
  }
}
