import Stepmill
import Testing

@testable import StepmillCommands

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that `schema` prints the schema, where it is asked to, and that files that are none are written to.
@Suite struct SchemaCommandTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @Test func prints() async throws {
    let run = try await stepmill("schema")
    #expect(run.status == 0 && run.error.isEmpty)
    #expect(try JSON(parsing: run.output) == DefinitionSchema.json)
    #expect(try await stepmill("schema", "-o", "-").output == run.output)
  }

  @Test func writes() async throws {
    let file = "\(scratch.path)/asl.schema.json"
    #expect(try await stepmill("schema", "-o", file) == Finished(status: 0, output: "", error: ""))
    #expect(try JSON(parsing: InputFile.read(file)) == DefinitionSchema.json)
    let nowhere = try await stepmill("schema", "-o", "\(scratch.path)/missing/asl.schema.json")
    #expect(nowhere.status == 1 && nowhere.error.contains("cannot be written: No such file or directory"))
    #expect(try await stepmill("schema", "extra").status == 2)
  }

  /// As root, a file put in the place of /dev/null would stay there.
  @Test func writesIntoDevices() async throws {
    #expect(try await stepmill("schema", "-o", "/dev/null") == Finished(status: 0, output: "", error: ""))
    var status = stat()
    #expect(stat("/dev/null", &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFCHR)
  }
}
