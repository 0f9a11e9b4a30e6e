#if !STEPMILL_FUZZER
  @testable import Stepmill
#endif

/// The first line as a path, the rest as the document that it is evaluated on.
enum PathFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    let (line, rest) = splitAtLine(bytes)
    let text = String(decoding: line, as: UTF8.self)
    let document = (try? JSON(parsing: rest)) ?? ["a": [1, "2", ["b": .null]], "b": true]
    for dialect in [JSONPath.Dialect.stepFunctions, .library] {
      guard let path = try? JSONPath.parse(text, dialect: dialect) else { continue }
      JSONScratch.with { scratch in
        document.withValue { document in
          for options in [
            PathOptions(rawValue: 0), PathOptions(rawValue: UInt8(truncatingIfNeeded: line.count)),
          ] {
            switch path.evaluate(document, in: scratch.arena, options: options, visitsMax: 20_000) {
            case .found(let value): precondition(!value.isMissing, "found nothing")
            case .missing(let miss): _ = path.missText(miss)
            case .failure(let failure): _ = path.failureText(failure)
            }
          }
        }
      }
    }
  }
}
