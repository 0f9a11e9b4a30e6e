import Testing

@testable import StepmillCommands

/// Proves that a definition may be YAML wherever it may be JSON, and that what is wrong with it is
/// shown in the YAML.
@Suite struct YAMLDefinitionTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private static let greeting = """
    # says hello
    StartAt: Greet
    States:
      Greet:
        Type: Pass
        Parameters:
          text.$: States.Format('Hello, {}!', $.name)
        End: true
    """

  @Test(arguments: ["greet.yaml", "greet.yml", "greet.asl"])
  func runsFromYAML(_ name: String) async throws {
    let run = try await stepmill(
      "run", scratch.file(name, Self.greeting), "--input", #"{"name":"Ada"}"#)
    #expect(run.status == 0)
    #expect(run.output.contains(#"Hello, Ada!"#))
  }

  @Test func theStandardInputMayBeYAML() async throws {
    let run = try await stepmill("explain", "-", input: Self.greeting)
    #expect(run.status == 0)
    #expect(run.output.contains("machine: 1 state"))
  }

  @Test func mistakesAreShownInTheYAML() async throws {
    let file = try scratch.file("wrong.yaml", Self.greeting + "\n    Nxt: There\n")
    let run = try await stepmill("explain", file)
    #expect(run.status == 2)
    #expect(run.error.contains("wrong.yaml:9:5: error: Field 'Nxt' is not supported\n  Nxt: There\n  ^~~\n"))
  }

  @Test func whatIsNoYAMLIsShownWithItsPlace() async throws {
    let file = try scratch.file("tag.yaml", "StartAt: !Ref First\n")
    let run = try await stepmill("explain", file)
    #expect(run.status == 2)
    #expect(run.error.contains("tag.yaml:1:10: error: !Ref is a tag of CloudFormation"))
    #expect(run.error.contains("  StartAt: !Ref First\n           ^\n"))
    #expect(run.error.hasSuffix("is not a definition: 1 error\n"))
  }

  @Test(arguments: ["{", " \n\t{\"a\"", "[", "\"", "1", ""])
  func whatLooksLikeJSONIsReadAsJSON(_ text: String) throws {
    #expect(try !DefinitionText(name: "<stdin>", source: Array(text.utf8)).isYAML)
    #expect(try !DefinitionText(name: "a.json", source: Array("StartAt: x".utf8)).isYAML)
  }
}
