// A fan-out over rows: one Map, bounded concurrency, and rows that fail on their own.

import Stepmill

@main struct RowsExample {
  static func main() async throws {
    let runtime = try Runtime()
    runtime.register(
      "row.price",
      .synchronous { call throws(TaskFailure) in
        let row = call.input["row"]
        guard let quantity = row["quantity"].int, let cents = row["cents"].int, quantity > 0 else {
          throw TaskFailure(error: "Row.Invalid", cause: "no quantity or no price")
        }
        let rate = call.input["rate"].int ?? 100
        call.succeed(members: 2) { answer in
          answer.add("sku", row["sku"])
          answer.add("price", quantity * cents * rate / 100)
        }
      })

    let rows = (0..<1000).map { number -> JSON in
      [
        "sku": JSON("S-\(number)"), "quantity": JSON(number % 250 == 99 ? 0 : 1 + number % 3), "cents": 250,
      ]
    }
    let workflow = try runtime.workflow(utf8: PackageResources.Rows_asl_json, name: "rows")
    let summary = try await workflow.run(["rate": 119, "rows": JSON(rows)])

    let prices = summary["prices"]?.array?.compactMap(\.int) ?? []
    print("\(summary["rows"]?.int ?? 0) rows, \(prices.count) priced, total \(prices.reduce(0, +)) cents")
    for row in summary["rejected"]?.array.map(Array.init) ?? [] { print("  \(row)") }
  }
}
