#if !STEPMILL_FUZZER
  @testable import Stepmill
#endif

/// Any bytes as a definition: read, checked as the service and as an author sees it, linted, and compiled if it
/// is right. Every diagnostic has its place in the text.
enum DefinitionFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    let text = Array(bytes)
    let lines = text.count { $0 == UInt8(ascii: "\n") } + 1
    for type in StateMachineType.allCases {
      let service = DefinitionCheck.serviceView(text, type: type, severity: .warning, maximum: 5)
      precondition(service.diagnostics.count <= 5, "more was listed than was asked for")
      precondition(
        service.isValid == (service.invalidDefinitionMessage == nil), "a verdict without its reasons")
      let found = Lint.check(text, type: type, rules: LintRule.all, maximum: 50)
      precondition(found.allSatisfy { 1...lines ~= $0.line && $0.column >= 1 }, "a place outside of the text")
    }
    let check = DefinitionCheck(text, maximum: 20)
    precondition(check.diagnostics.count <= 60, "the list is not bounded")
    let (definition, diagnostics) = CompiledDefinition.compile(text)
    precondition(definition == nil || check.isValid, "a definition with errors was compiled")
    precondition(definition != nil || !diagnostics.isEmpty, "a definition was refused without a word")
  }
}
