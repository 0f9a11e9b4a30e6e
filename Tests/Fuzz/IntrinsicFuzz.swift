#if !STEPMILL_FUZZER
  @testable import Stepmill
#endif

/// The first line as the text of a payload template, the rest as the state's input: calls of
/// intrinsic functions, nested, on any arguments.
enum IntrinsicFuzz {
  static func run(_ bytes: UnsafeRawBufferPointer) {
    let (line, rest) = splitAtLine(bytes)
    let expression = JSON(String(decoding: line, as: UTF8.self))
    let definition: JSON = [
      "StartAt": "P", "States": ["P": ["Type": "Pass", "Parameters": ["r.$": expression], "End": true]],
    ]
    EngineFuzz.run(definition: definition.utf8, input: Array(rest))
  }
}
