import Stepmill
import Testing

/// Proves what a compiled expression gives, from Swift alone.
@Suite struct QueryTests {
  private static let order: JSON = ["lines": [["price": 2.5, "n": 2], ["price": 10, "n": 1]], "id": "A-1"]

  @Test func manyEvaluations() throws {
    let total = try Query("$sum(lines.(price * n))")
    #expect(try total.evaluate(Self.order) == 15)
    #expect(try total.evaluate(["lines": ["price": 3, "n": 4]]) == 12)
    #expect(try total.evaluate([:]) == nil)
    #expect(try total.evaluate() == nil)
  }

  @Test func whatIsGiven() throws {
    func value(_ text: String) throws -> JSON? {
      try Query(text).evaluate(Self.order, variables: ["v": 5, "states": ["result": 6]], context: ["c": 7])
    }
    #expect(try value("$states.input.id & id & $$.id") == "A-1A-1A-1")
    #expect(try value("$v + $states.result + $states.context.c") == 18)
    #expect(try value("$keys($states)") == ["input", "context", "result"])
    #expect(try value("$states.nope") == nil)
    #expect(try value("$nope") == nil)
    #expect(try Query("$states").evaluate() == [:])
  }

  @Test func paths() throws {
    func value(_ text: String) throws -> JSON? {
      try Query(text, language: .jsonPath).evaluate(Self.order, variables: ["v": [5]], context: ["c": 7])
    }
    #expect(try value("$.lines[*].price") == [2.5, 10])
    #expect(try value("$v[0]") == 5)
    #expect(try value("$$.c") == 7)
    #expect(try value("States.Format('{}: {}', $.id, States.ArrayGetItem($v, 0))") == "A-1: 5")
    #expect(throws: QueryError.self) { try value("$.nope") }
    #expect(throws: QueryError.self) { try value("States.MathAdd('x', 1)") }
  }

  @Test func numbersAndTexts() throws {
    #expect(try Query("9007199254740993").evaluate()?.text == "9007199254740993")
    #expect(
      try Query("$").evaluate(JSON(parsing: "12345678901234567890.5"))?.text == "12345678901234567890.5")
    #expect(try Query("1/0").evaluate() == "Infinity")
    #expect(try Query("'é' & $").evaluate("😀") == "é😀")
  }

  @Test func errors() throws {
    let syntax = #expect(throws: QueryError.self) { try Query("{%\n  $a +\n%}") }
    #expect(syntax?.isSyntaxError == true && syntax?.code == "S0207")
    #expect(syntax?.line == 2 && syntax?.column == 7)
    #expect(syntax?.description == "S0207: Unexpected end of expression (at line 2, character 7)")
    let failure = #expect(throws: QueryError.self) { try Query("id + 1").evaluate(Self.order) }
    #expect(failure?.isSyntaxError == false && failure?.code == "T2001" && failure?.column == 4)
    let function = #expect(throws: QueryError.self) { try Query("$sum").evaluate() }
    #expect(function?.message == "the result is a function, which JSON cannot express")
    let path = #expect(throws: QueryError.self) { try Query("$.a[", language: .jsonPath) }
    #expect(path?.isSyntaxError == true && path?.line == 1)
  }

  /// A failure in the middle of something leaves nothing behind for the next evaluation.
  @Test func afterFailures() throws {
    let failing = try Query("[1..100].($ = 50 ? $error('no') : $)")
    let fine = try Query("$count([1..100])")
    for _ in 0..<200 {
      #expect(throws: QueryError.self) { try failing.evaluate() }
      #expect(try fine.evaluate() == 100)
    }
  }

  @Test func limits() throws {
    for text in ["($f := function($n){ $f($n + 1) }; $f(0))", "($f := function(){ 1 + $f() }; $f())"] {
      let error = #expect(throws: QueryError.self) { try Query(text).evaluate() }
      #expect(["D1011", "D1012"].contains(error?.code))
    }
  }

  @Test func manyThreads() async throws {
    let query = try Query("$join([1..20].$string(), ',') & $states.input.id")
    let expected = (1...20).map(String.init).joined(separator: ",") + "A-1"
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<16 {
        group.addTask {
          for _ in 0..<50 {
            let result = try query.evaluate(Self.order)
            #expect(result == JSON(expected))
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func resultsAreIndependent() throws {
    let query = try Query("{'a': 'text of the program', 'b': $.x}")
    var results: [JSON] = []
    for index in 0..<50 { results.append(try #require(try query.evaluate(["x": JSON(index)]))) }
    for index in 0..<50 { #expect(results[index] == ["a": "text of the program", "b": JSON(index)]) }
  }
}
