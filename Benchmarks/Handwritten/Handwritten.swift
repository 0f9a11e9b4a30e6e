// The workloads as a good Swift engineer writes them by hand: no engine, just structs,
// Codable, async functions and task groups. What a workflow runtime has to beat to be worth
// its definition language.

import Foundation

/// One workload written by hand: JSON text in, JSON text out.
public protocol HandwrittenWorkflow: Sendable {
  func run(_ input: [UInt8]) async throws -> [UInt8]
}

/// The workflow written by hand for W1 to W6.
public func handwrittenWorkflow(for workload: String) -> (any HandwrittenWorkflow)? {
  switch workload {
  case "W1": PassChain()
  case "W2": ChoiceLoop()
  case "W3": OrderWorkflow()
  case "W4": FanOut()
  case "W5": ParallelBranches()
  case "W6": Waiting(duration: .seconds(3))
  default: nil
  }
}

/// The document of every workload that carries no more than a number.
struct Counter: Codable, Sendable {
  var n: Int
}

// Making these anew for each document costs a small one a tenth of its rate.
private let decoder = JSONDecoder()
private let encoder = JSONEncoder()

func decode<Document: Decodable>(_ input: [UInt8], as type: Document.Type) throws -> Document {
  try decoder.decode(type, from: Data(input))
}

func encode(_ document: some Encodable) throws -> [UInt8] {
  [UInt8](try encoder.encode(document))
}
