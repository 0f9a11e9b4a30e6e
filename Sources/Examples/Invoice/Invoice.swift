// An invoice whose data is shaped by JSONata: sums, a condition, a catcher's output, a line of text.
//
// The only handler answers what no expression can know.

import Stepmill

@main struct InvoiceExample {
  static func main() async throws {
    let runtime = try Runtime()
    runtime.register(
      "discount",
      .synchronous { call throws(TaskFailure) in
        guard let total = call.input["total"].double, total < 10_000 else {
          throw TaskFailure(error: "Discount.AskFirst", cause: "too large for a rule")
        }
        call.succeed(members: 1) { $0.add("percent", total < 1_000 ? 5 : 10) }
      })

    let workflow = try runtime.workflow(utf8: PackageResources.Invoice_asl_json, name: "invoice")
    let invoices: [JSON] = [
      [
        "customer": ["name": "Ada", "kind": "regular"],
        "lines": [["quantity": 3, "price": 40.5], ["quantity": 1, "price": 9.99]],
      ],
      ["customer": ["name": "Ben", "kind": "new"], "lines": [["quantity": 100, "price": 12]]],
      ["customer": ["name": "Cleo", "kind": "regular"], "lines": [["quantity": 1_000, "price": 12]]],
    ]
    for invoice in invoices { print(try await workflow.run(invoice).string ?? "?") }
  }
}
