// W4: a catalogue's items are priced, at most forty at a time.

struct Catalogue: Codable, Sendable {
  var items: [CatalogueItem]
}

struct CatalogueItem: Codable, Sendable {
  struct Warehouse: Codable, Sendable {
    var zone: String
    var bin: Int
  }

  var id: String
  var sku: String
  var qty: Int
  var price: Double
  var name: String
  var tags: [String]
  var wh: Warehouse
  var note: String
}

struct PricedItem: Codable, Sendable {
  var id: String
  var total: Double
  var stage: String
  var zone: String
}

public struct FanOut: HandwrittenWorkflow {
  static let concurrencyMax = 40

  public init() {}

  public func run(_ input: [UInt8]) async throws -> [UInt8] {
    let items = try decode(input, as: Catalogue.self).items
    let outputs = await withTaskGroup(of: (Int, PricedItem).self) { group in
      var outputs = [PricedItem?](repeating: nil, count: items.count)
      for index in items.indices {
        if index >= Self.concurrencyMax, let (done, output) = await group.next() {
          outputs[done] = output
        }
        group.addTask { (index, await price(items[index])) }
      }
      for await (done, output) in group { outputs[done] = output }
      return outputs.compactMap { $0 }
    }
    return try encode(outputs)
  }
}

func price(_ item: CatalogueItem) async -> PricedItem {
  let stage = "in"
  let total = await calculate(quantity: item.qty, price: item.price)
  return PricedItem(id: item.id, total: total, stage: stage, zone: item.wh.zone)
}

func calculate(quantity: Int, price: Double) async -> Double { Double(quantity) * price }
