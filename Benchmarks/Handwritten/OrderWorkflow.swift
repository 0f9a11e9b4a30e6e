// W3: an order is summed up, routed, charged with retries and shaped into a receipt.

struct OrderRequest: Codable, Sendable {
  var order: Order
}

struct Order: Codable, Sendable {
  struct Customer: Codable, Sendable {
    var id: String
    var name: String
    var tier: String
    var email: String
    var marketing: Bool
  }

  struct Meta: Codable, Sendable {
    var ip: String
    var agent: String
    var session: String
  }

  var id: String
  var currency: String
  var total: Double
  var placedAt: String
  var customer: Customer
  var shipTo: Address
  var items: [OrderLine]
  var channel: String
  var campaign: String
  var giftWrap: Bool
  var meta: Meta
}

struct Address: Codable, Sendable {
  var street: String
  var city: String
  var zip: String
  var country: String
  var notes: String?

  // The receipt says `"notes": null`, which the synthesised encoding would leave out.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(street, forKey: .street)
    try container.encode(city, forKey: .city)
    try container.encode(zip, forKey: .zip)
    try container.encode(country, forKey: .country)
    try container.encode(notes, forKey: .notes)
  }
}

struct OrderLine: Codable, Sendable {
  var sku: String
  var name: String
  var qty: Int
  var price: Double
  var tags: [String]
}

struct Summary: Codable, Sendable {
  var orderId: String
  var customer: String
  var total: Double
  var lineCount: Int
}

struct Routing: Sendable {
  var queue: String
  var discount: Int
}

struct Payment: Sendable {
  var id: String
  var status: String
  var amount: Double
}

struct Receipt: Codable, Sendable {
  var status: String
  var orderId: String
  var queue: String
  var discount: Int
  var transactionId: String
  var summary: Summary
  var items: [OrderLine]
  var shipTo: Address
}

struct PaymentError: Error {}

/// The payment service of the benchmark: it refuses the first attempt of each execution.
struct PaymentService: Sendable {
  func charge(orderID: String, amount: Double, attempt: Int) async throws -> Payment {
    if attempt == 0 { throw PaymentError() }
    return Payment(id: "tx-" + orderID, status: "OK", amount: amount)
  }
}

public struct OrderWorkflow: HandwrittenWorkflow {
  let payments = PaymentService()

  public init() {}

  public func run(_ input: [UInt8]) async throws -> [UInt8] {
    let order = try decode(input, as: OrderRequest.self).order
    let summary = await summarize(order)
    let routing = await route(order, summary)
    let payment = try await charge(order)
    guard payment.status == "OK" else { return input }
    return try encode(await finalize(order, summary, routing, payment))
  }

  func summarize(_ order: Order) async -> Summary {
    Summary(
      orderId: order.id, customer: order.customer.name, total: order.total,
      lineCount: order.items.count)
  }

  func route(_ order: Order, _ summary: Summary) async -> Routing {
    let isPriority =
      order.total > 100 && order.currency == "EUR" && order.customer.tier == "gold"
      && summary.lineCount >= 1
    return isPriority
      ? Routing(queue: "priority", discount: 10) : Routing(queue: "standard", discount: 0)
  }

  /// Two retries, without a pause in between: the benchmark measures work, not waiting.
  func charge(_ order: Order) async throws -> Payment {
    var attempt = 0
    while true {
      do {
        return try await payments.charge(orderID: order.id, amount: order.total, attempt: attempt)
      } catch let error as PaymentError {
        attempt += 1
        if attempt > 2 { throw error }
      }
    }
  }

  func finalize(
    _ order: Order, _ summary: Summary, _ routing: Routing, _ payment: Payment
  ) async -> Receipt {
    Receipt(
      status: "DONE", orderId: order.id, queue: routing.queue, discount: routing.discount,
      transactionId: payment.id, summary: summary, items: order.items, shipTo: order.shipTo)
  }
}
