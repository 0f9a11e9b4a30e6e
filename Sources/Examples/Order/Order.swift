// An order that is charged with retries, and undone step by step when a later one fails.
//
// The definition says what is retried and what undoes what; the handlers only do their work
// and throw.

import Stepmill

struct Purchase: Codable {
  var order: String
  var amount: Int
}

struct Payment: Codable {
  var transaction: String
}

@main struct OrderExample {
  static func main() async throws {
    let runtime = try Runtime()

    // Synchronous handlers are called from the workflow's step itself.
    for step in ["stock.reserve", "stock.release", "payment.refund"] {
      runtime.register(
        step,
        .synchronous { call in
          print("  \(step) \(call.input["order"].string ?? "?")")
          call.succeed(members: 1) { $0.add("done", true) }
        })
    }

    // An asynchronous one takes and gives Codable values. The bank is busy at first.
    let bank = Bank()
    runtime.register("payment.charge") { (purchase: Purchase) async throws -> Payment in
      try await bank.charge(purchase)
    }

    runtime.register(
      "parcel.ship",
      .synchronous { call throws(TaskFailure) in
        let order = call.input["order"].string ?? "?"
        print("  parcel.ship \(order)")
        if order == "A-2" { throw TaskFailure(error: "Parcel.NoCarrier", cause: "no carrier goes there") }
        call.succeed(members: 1) { $0.add("number", "P-" + order) }
      })

    let workflow = try runtime.workflow(utf8: PackageResources.Order_asl_json, name: "order")
    for order in [Purchase(order: "A-1", amount: 30), Purchase(order: "A-2", amount: 99)] {
      print("order \(order.order):")
      let result: JSON = try await workflow.run(order)
      print("  \(result)")
    }
  }
}

/// Turns the first customer away once.
actor Bank {
  private var isBusy = true

  func charge(_ purchase: Purchase) throws -> Payment {
    if isBusy {
      isBusy = false
      print("  payment.charge \(purchase.order): busy")
      throw TaskFailure(error: "Payment.Busy", cause: "please come back")
    }
    print("  payment.charge \(purchase.order): \(purchase.amount)")
    return Payment(transaction: "tx-\(purchase.order)")
  }
}
