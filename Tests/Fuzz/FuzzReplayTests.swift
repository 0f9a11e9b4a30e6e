#if !STEPMILL_FUZZER
  import Foundation
  import Testing

  /// Proves that no input that was kept crashes any more: the seeds, and what fuzzing once found.
  @Suite struct FuzzReplayTests {
    @Test(arguments: FuzzSubject.allCases) func keptInputs(subject: FuzzSubject) throws {
      let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      var count = 0
      for kind in ["Corpus", "Regressions"] {
        let folder = here.appendingPathComponent(kind).appendingPathComponent(subject.rawValue)
        let files =
          (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        for file in files {
          let bytes = try Data(contentsOf: file)
          bytes.withUnsafeBytes { subject.run($0) }
          count += 1
        }
      }
      #expect(count > 0)
    }
  }
#endif
