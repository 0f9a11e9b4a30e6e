import Stepmill
import Testing

/// Proves the public JSON value from outside: making, looking into, changing, comparing.
@Suite struct JSONValueTests {

  @Test func literals() {
    let json: JSON = ["b": 1, "a": [.null, true, 2.5, "x"], "c": [:], "d": []]
    #expect(json.text == #"{"b":1,"a":[null,true,2.5,"x"],"c":{},"d":[]}"#)
    #expect("\(json)" == json.text)
    #expect(json.utf8 == Array(json.text.utf8))
    #expect((["a": 1, "b": 2, "a": 3] as JSON).text == #"{"a":3,"b":2}"#)
  }

  @Test func lookingInto() throws {
    let json = try JSON(
      parsing: #"{"id":7,"name":"Åse","ok":true,"none":null,"price":12.0,"tags":["a","b"]}"#)
    #expect(json.kind == .object)
    #expect(json["id"]?.int == 7)
    #expect(json["id"]?.double == 7)
    #expect(json["name"]?.string == "Åse")
    #expect(json["ok"]?.bool == true)
    #expect(json["none"]?.isNull == true)
    #expect(json["missing"] == nil)
    #expect(json["price"]?.int == 12)
    #expect(json["price"]?.number == "12.0")
    #expect(json["tags"]?[1]?.string == "b")
    #expect(json["tags"]?[2] == nil)
    #expect(json["tags"]?[-1] == nil)
    #expect(json["tags"]?.array?.map(\.string) == ["a", "b"])
    #expect(json.object?.keys == ["id", "name", "ok", "none", "price", "tags"])
    #expect(json.object?.first?.value == 7)
    #expect(json.count == 6)
    #expect(json["id"]?.string == nil)
    #expect(json["name"]?.int == nil)
    #expect(json.array == nil)
    #expect(json["name"]?["x"] == nil)
  }

  @Test func partsOutliveTheWhole() throws {
    func part() throws -> JSON? {
      try JSON(parsing: #"{"a":{"b":["deep \n text"]}}"#)["a"]?["b"]
    }
    #expect(try part()?.text == #"["deep \n text"]"#)
    #expect(try part()?.copy()[0]?.string == "deep \n text")
  }

  @Test func changing() {
    var json = JSON.null
    json["a"] = 1
    json["b"] = ["x": [1, 2]]
    let before = json
    json["a"] = "one"
    json["b"]?["x"]?[1] = 3
    json["b"]?["x"]?[2] = 4
    json["c"] = .null
    #expect(json.text == #"{"a":"one","b":{"x":[1,3,4]},"c":null}"#)
    #expect(before.text == #"{"a":1,"b":{"x":[1,2]}}"#)
    json["b"] = nil
    json["nothing"] = nil
    #expect(json.text == #"{"a":"one","c":null}"#)
    json["a"] = nil
    json["c"] = nil
    #expect(json.text == "{}")
    var array: JSON = [1, 2, 3]
    array[1] = nil
    #expect(array.text == "[1,3]")
  }

  @Test func numbers() throws {
    #expect(JSON(UInt64.max).text == "18446744073709551615")
    #expect(JSON(Int64.min).text == "-9223372036854775808")
    #expect(JSON(1e21).text == "1.0E21")
    #expect(JSON(Double.nan).string == "NaN")
    #expect(try JSON(parsing: "123456789012345678901234567890").number == "123456789012345678901234567890")
    #expect(try JSON(parsing: "123456789012345678901234567890").int == nil)
    #expect(try JSON(parsing: "1e2").int == 100)
  }

  @Test func equalityAndHash() throws {
    let left = try JSON(parsing: #"{"a":1,"b":[1.0,{"x":"y","z":null}],"c":-0.0}"#)
    let right = try JSON(parsing: #"{"c":0,"b":[1,{"z":null,"x":"y"}],"a":1e0}"#)
    #expect(left == right)
    #expect(Set([left, right, 1, 1.0, "1"]).count == 3)
    #expect(left != ["a": 1])
    #expect((1 as JSON) != "1")
  }

  @Test func parsingEverySource() throws {
    let text = #"[1,"é"]"#
    #expect(try JSON(parsing: text).text == text)
    #expect(try JSON(parsing: Array(text.utf8)).text == text)
    #expect(try JSON(parsing: text.utf8.lazy.map { $0 }).text == text)
    #expect(try JSON(parsing: Array(text.utf8)[...]).text == text)
    let bytes = Array(text.utf8)
    #expect(try bytes.withUnsafeBytes { try JSON(parsing: $0) }.text == text)
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: "") }
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: "[1") }
  }

  @Test func prettyText() throws {
    let json = try JSON(parsing: #"{"a":[1,{"b":"x, {y} \" :"}],"c":[],"d":{},"e":"\\"}"#)
    #expect(
      json.text(indent: 2) == #"""
        {
          "a": [
            1,
            {
              "b": "x, {y} \" :"
            }
          ],
          "c": [],
          "d": {},
          "e": "\\"
        }
        """#)
    #expect((5 as JSON).text(indent: 2) == "5")
  }

  @Test func threadsShareValues() async throws {
    let json = try JSON(parsing: #"{"a":[1,2,3],"b":"text"}"#)
    let texts = await withTaskGroup(of: String.self) { group in
      for _ in 0..<64 {
        group.addTask {
          var mine = json
          mine["c"] = 4
          return mine.text
        }
      }
      return await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(texts == [#"{"a":[1,2,3],"b":"text","c":4}"#])
  }
}
