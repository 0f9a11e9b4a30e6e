import Stepmill
import Testing

/// Proves that Swift's generated and hand-written coding works against `JSON`, and that
/// errors tell where they happened.
@Suite struct JSONCodableTests {

  struct Order: Codable, Equatable {
    struct Line: Codable, Equatable {
      var sku: String
      var quantity: Int
      var price: Double
    }
    enum State: String, Codable { case open, paid }
    enum Event: Codable, Equatable {
      case created
      case paid(amount: Double, by: String?)
      case note(String)
    }
    var id: Int
    var state: State
    var lines: [Line]
    var comment: String?
    var events: [Event]
    var byName: [String: [Int]]
    var byNumber: [Int: String]
    var matrix: [[Double?]]
    var extra: JSON
  }

  private let order = Order(
    id: 7, state: .paid, lines: [.init(sku: "S", quantity: 2, price: 1.5)], comment: nil,
    events: [.created, .paid(amount: 3, by: nil), .note("x")], byName: ["a": [1, 2]], byNumber: [5: "five"],
    matrix: [[1, nil], []], extra: ["any": [1, "two", .null]])

  @Test func roundTrip() throws {
    let json = try JSON(encoding: order)
    #expect(json["lines"] == [["sku": "S", "quantity": 2, "price": 1.5]])
    #expect(json["comment"] == nil)
    #expect(json["events"] == [["created": [:]], ["paid": ["amount": 3]], ["note": ["_0": "x"]]])
    #expect(json["byNumber"] == ["5": "five"])
    #expect(json["matrix"] == [[1, .null], []])
    #expect(json["extra"] == order.extra)
    #expect(try json.decode(Order.self) == order)
    #expect(try JSON(parsing: json.text).decode(Order.self) == order)
  }

  @Test func topLevelValues() throws {
    #expect(try JSON(encoding: 5).int == 5)
    #expect(try JSON(encoding: "x").string == "x")
    #expect(try JSON(encoding: [Int]()).text == "[]")
    #expect(try JSON(encoding: [String: Int]()).text == "{}")
    #expect(try JSON(encoding: Int?.none).isNull)
    #expect(try JSON.null.decode(Int?.self) == nil)
    #expect(try (5 as JSON).decode(Int?.self) == 5)
    #expect(try (5 as JSON).decode(JSON.self) == 5)
    #expect(try JSON(encoding: JSON.null).isNull)
  }

  @Test func integersAtTheirLimits() throws {
    #expect(try JSON(encoding: UInt64.max).decode(UInt64.self) == .max)
    #expect(try JSON(encoding: Int64.min).decode(Int64.self) == .min)
    #expect(try JSON(encoding: UInt128.max).decode(UInt128.self) == .max)
    #expect(try JSON(parsing: "3.0").decode(Int.self) == 3)
    #expect(throws: DecodingError.self) { try (300 as JSON).decode(UInt8.self) }
    #expect(throws: DecodingError.self) { try (-1 as JSON).decode(UInt.self) }
    #expect(throws: DecodingError.self) { try (1.5 as JSON).decode(Int.self) }
    #expect(throws: DecodingError.self) { try JSON(UInt64.max).decode(Int.self) }
    #expect(throws: DecodingError.self) { try JSON(parsing: "1e999").decode(Double.self) }
  }

  @Test func floats() throws {
    #expect(try JSON(encoding: Float(0.1)).text == "0.1")
    #expect(try JSON(encoding: Float(0.1)).decode(Float.self) == 0.1)
    #expect(try (1 as JSON).decode(Double.self) == 1)
    #expect(throws: EncodingError.self) { try JSON(encoding: Double.infinity) }
    #expect(throws: EncodingError.self) { try JSON(encoding: ["a": Float.nan]) }
    #expect(throws: DecodingError.self) { try (1e300 as JSON).decode(Float.self) }
  }

  private func path(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch let error as DecodingError {
      switch error {
      case .typeMismatch(_, let context): return "mismatch " + text(context.codingPath)
      case .valueNotFound(_, let context): return "value " + text(context.codingPath)
      case .keyNotFound(let key, let context): return "key \(key.stringValue) " + text(context.codingPath)
      case .dataCorrupted(let context): return "corrupted " + text(context.codingPath)
      @unknown default: return "other"
      }
    } catch {
      return "\(error)"
    }
  }

  private func text(_ path: [any CodingKey]) -> String {
    path.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
  }

  @Test func pathsOfErrors() throws {
    var json = try JSON(encoding: order)
    json["lines"]?[0]?["quantity"] = "two"
    #expect(path { _ = try json.decode(Order.self) } == "mismatch .lines[0].quantity")
    json["lines"]?[0]?["quantity"] = .null
    #expect(path { _ = try json.decode(Order.self) } == "value .lines[0].quantity")
    json["lines"]?[0]?["quantity"] = nil
    #expect(path { _ = try json.decode(Order.self) } == "key quantity .lines[0]")
    json["lines"]?[0]?["quantity"] = 1.5
    #expect(path { _ = try json.decode(Order.self) } == "corrupted .lines[0].quantity")
    json["lines"] = 5
    #expect(path { _ = try json.decode(Order.self) } == "mismatch .lines")
    #expect(path { _ = try (["a": 1] as JSON).decode([Int].self) } == "mismatch ")
    #expect(path { _ = try ([1, 2] as JSON).decode([String: Int].self) } == "mismatch ")
  }

  class Base: Codable {
    var name = "base"
  }

  final class Derived: Base {
    var size = 3
    private enum Keys: String, CodingKey { case size, list, nested }
    override init() { super.init() }

    required init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Keys.self)
      size = try container.decode(Int.self, forKey: .size)
      var list = try container.nestedUnkeyedContainer(forKey: .list)
      #expect(list.count == 3)
      #expect(try list.decode(Int.self) == 1)
      #expect(try list.decodeNil())
      var inner = try list.nestedUnkeyedContainer()
      #expect(try inner.decode(String.self) == "deep")
      #expect(inner.isAtEnd)
      #expect(throws: DecodingError.self) { try inner.decode(Int.self) }
      let nested = try container.nestedContainer(keyedBy: Keys.self, forKey: .nested)
      #expect(try nested.decodeIfPresent(Int.self, forKey: .list) == nil)
      #expect(nested.allKeys.count == 1)
      try super.init(from: container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(size, forKey: .size)
      var list = container.nestedUnkeyedContainer(forKey: .list)
      try list.encode(1)
      try list.encodeNil()
      var inner = list.nestedUnkeyedContainer()
      try inner.encode("deep")
      var nested = container.nestedContainer(keyedBy: Keys.self, forKey: .nested)
      try nested.encode(size, forKey: .size)
      try super.encode(to: container.superEncoder())
    }
  }

  @Test func nestedContainersAndSuperclasses() throws {
    let value = Derived()
    value.size = 9
    let json = try JSON(encoding: value)
    #expect(json.text == #"{"size":9,"list":[1,null,["deep"]],"nested":{"size":9},"super":{"name":"base"}}"#)
    let back = try json.decode(Derived.self)
    #expect(back.size == 9)
    #expect(back.name == "base")
  }
}
