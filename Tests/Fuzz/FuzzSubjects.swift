// The fuzzers: each subject is a row here and a file beside this one.
//
// The same code is built twice: into the tests, which replay the inputs that are kept, and by
// `.ci/fuzz` together with the library's sources into one program under libFuzzer. (In one
// module, so that the fuzzers reach what is internal.)
//
// A subject takes any bytes, and must neither crash nor hang nor leak. What it checks beyond
// that stops the process: that is how libFuzzer learns of it.

enum FuzzSubject: String, CaseIterable {
  case json, path, intrinsic, engine, definition, jsonata, graph, http, request, answer
  case csv, jsonl, rows, manifest

  func run(_ bytes: UnsafeRawBufferPointer) {
    switch self {
    case .json: JSONFuzz.run(bytes)
    case .path: PathFuzz.run(bytes)
    case .intrinsic: IntrinsicFuzz.run(bytes)
    case .jsonata: JSONataFuzz.run(bytes)
    case .engine: EngineFuzz.run(bytes)
    case .definition: DefinitionFuzz.run(bytes)
    case .graph: GraphFuzz.run(bytes)
    case .http: HTTPFuzz.run(bytes)
    case .request: RequestFuzz.run(bytes)
    case .answer: AnswerFuzz.run(bytes)
    case .csv: RowFuzz.csv(bytes)
    case .jsonl: RowFuzz.jsonLines(bytes)
    case .rows: RowFuzz.json(bytes)
    case .manifest: RowFuzz.manifest(bytes)
    }
  }
}

/// Inputs with two parts: what is before the first line break, and what is behind it.
func splitAtLine(_ bytes: UnsafeRawBufferPointer) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer) {
  guard let end = bytes.firstIndex(of: 0x0A) else {
    return (bytes, UnsafeRawBufferPointer(rebasing: bytes[bytes.endIndex...]))
  }
  return (
    UnsafeRawBufferPointer(rebasing: bytes[..<end]), UnsafeRawBufferPointer(rebasing: bytes[(end + 1)...])
  )
}
