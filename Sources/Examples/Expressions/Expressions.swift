// Expressions without a workflow: compiled once, evaluated for every order.

import Stepmill

@main struct ExpressionsExample {
  static func main() throws {
    let orders: [JSON] = [
      ["id": "A-1", "lines": [["price": 2.5, "quantity": 4], ["price": 20, "quantity": 1]]],
      ["id": "A-2", "lines": [["price": 7, "quantity": 1]]],
      ["id": "A-3"],
    ]
    let total = try Query("$sum(lines.(price * quantity))")
    let isLarge = try Query("{% $states.input > $limit %}")
    let label = try Query("States.Format('order {}', $.id)", language: .jsonPath)
    for order in orders {
      let name = try label.evaluate(order)?.string ?? ""
      // Nil is JSONata's "undefined": there was nothing to add up.
      guard let sum = try total.evaluate(order) else {
        print("\(name): empty")
        continue
      }
      let large = try isLarge.evaluate(sum, variables: ["limit": 10])?.bool ?? false
      print("\(name): \(sum)\(large ? ", large" : "")")
    }
    do {
      _ = try Query("lines[price > ].id")
    } catch {
      print(error)
    }
  }
}
