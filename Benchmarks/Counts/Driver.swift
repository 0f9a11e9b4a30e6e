// A workload on the calling thread and nothing else: what callgrind and the allocator count.

import BenchmarkWorkloads
import Stepmill

/// A workload on the caller's thread, with the handlers of W3 and W4.
struct Driver {
  let workload: Workload
  let runtime: Runtime
  let workflow: Workflow

  init(_ name: String) throws {
    guard let named = Workload.named(name) else { throw CountError("there is no workload \(name)") }
    // Speed is counted, not patience.
    workload = name == "W3" ? .order(retryIntervalSeconds: 0) : named
    var configuration = Runtime.Configuration()
    configuration.loops = 0
    configuration.limits = .aws
    configuration.seed = 1
    runtime = try Runtime(configuration)
    runtime.register("charge", .synchronous(Self.charge))
    runtime.register("calc", .synchronous(Self.calculate))
    workflow = try runtime.workflow(utf8: workload.definition)
  }

  @Sendable static func charge(_ call: borrowing TaskCall) throws(TaskFailure) {
    if call.retryCount == 0 { throw TaskFailure(error: "PaymentError") }
    call.succeed(members: 3) { object in
      object.add("id", "tx-", joining: call.input["orderId"])
      object.add("status", "OK" as StaticString)
      object.add("amount", call.input["amount"])
    }
  }

  @Sendable static func calculate(_ call: borrowing TaskCall) throws(TaskFailure) {
    guard let quantity = call.input["qty"].int, let price = call.input["price"].double else {
      throw TaskFailure(error: "BadItem")
    }
    call.succeed(members: 1) { $0.add("total", Double(quantity) * price) }
  }

  func run(times: Int, into output: inout [UInt8]) throws {
    let workflow = workflow
    try unsafe workload.input.withUnsafeBytes { input in
      for _ in 0..<times {
        if let failure = try unsafe workflow.runInPlace(utf8: input, into: &output) {
          throw CountError("\(workload.name) ended \(failure)")
        }
      }
    }
  }
}

struct CountError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
