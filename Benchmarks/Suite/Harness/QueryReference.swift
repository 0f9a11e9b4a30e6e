// The JavaScript reference implementation, where node and its package are at hand: one process
// per call, which times itself.

import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The folder that holds `node_modules/jsonata`, from `STEPMILL_JSONATA`.
private let referenceFolder: String? = {
  guard let path = unsafe getenv("STEPMILL_JSONATA") else { return nil }
  let folder = unsafe String(cString: path)
  return unsafe access(folder + "/node_modules/jsonata", R_OK) == 0 ? folder : nil
}()

/// Why the reference takes no part, if it does not.
let skippedReference: String? =
  referenceFolder == nil
  ? "the JSONata reference of family J: set STEPMILL_JSONATA to a folder with node_modules/jsonata" : nil

/// The reference as a contestant, or none.
func reference(_ expression: String, _ input: JSON) -> [Contestant] {
  guard let folder = referenceFolder else { return [] }
  return [
    Contestant(
      .floor, "node, the reference",
      run: { times in
        let script = """
          const expression = require('jsonata')(\(JSON(expression).text));
          const input = \(input.text);
          (async () => {
            for (let i = 0; i < 20; i++) await expression.evaluate(input);
            const start = process.hrtime.bigint();
            for (let i = 0; i < \(times); i++) await expression.evaluate(input);
            console.log(Number(process.hrtime.bigint() - start) / 1e9);
          })();
          """
        return Tally(executions: times, seconds: try seconds(of: script, in: folder))
      })
  ]
}

/// Runs a script and reads the number that it prints.
private func seconds(of script: String, in folder: String) throws -> Double {
  let path = "/tmp/stepmill-reference-\(getpid()).js"
  guard let file = unsafe fopen(path, "w") else { throw BenchmarkError.failed("\(path) cannot be written") }
  unsafe fputs(script, file)
  unsafe fclose(file)
  defer { unsafe unlink(path) }
  guard let pipe = unsafe popen("cd '\(folder)' && NODE_PATH='\(folder)/node_modules' node '\(path)'", "r")
  else { throw BenchmarkError.failed("node cannot be started") }
  defer { unsafe pclose(pipe) }
  var line = [CChar](repeating: 0, count: 100)
  guard unsafe fgets(&line, 100, pipe) != nil else { throw BenchmarkError.failed("node printed nothing") }
  let text = String(decoding: line.prefix { $0 > 0x20 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  guard let seconds = Double(text) else { throw BenchmarkError.failed("node printed '\(text)'") }
  return seconds
}
