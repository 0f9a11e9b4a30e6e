import Testing

@testable import Stepmill

/// Proves the dialect that Step Functions shows: results, misses and their texts.
@Suite struct JSONPathTests {
  /// The result as JSON, or `miss: …` or `failure: …` with the library's text.
  static func answer(
    _ text: String, _ document: String, _ options: PathOptions = .stepFunctions,
    dialect: JSONPath.Dialect = .stepFunctions
  ) throws -> String {
    let json = TestJSON()
    let path = try JSONPath.parse(text, dialect: dialect)
    switch path.evaluate(json.parse(document), in: json.arena, options: options) {
    case .found(let value): return TestJSON.write(value)
    case .missing(let miss): return "miss: " + path.missText(miss)
    case .failure(let failure): return "failure: " + path.failureText(failure)
    }
  }

  @Test(arguments: [
    ("$", #"{"a":[{"n":1,"t":"x"},{"n":2}],"s":"q"}"#),
    ("$.a[0].n", "1"), ("$['s']", #""q""#), (#"$["s"]"#, #""q""#), ("$.a[-1].n", "2"),
    ("$.a[*].n", "[1,2]"), ("$.a[*].zzz", "[]"), ("$.a[0,1].n", "[1,2]"),
    ("$.a[0:1]", #"[{"n":1,"t":"x"}]"#), ("$.a[-1:]", #"[{"n":2}]"#),
    ("$.a[?(@.n==2)]", #"[{"n":2}]"#), ("$.a[?(@.t)]", #"[{"n":1,"t":"x"}]"#),
    ("$.a[?(@.n>9)]", "[]"), ("$..n", "[1,2]"), ("$.a[?(@.n==2)].n", "[2]"),
    ("$.a[?(@.n==2)].n[0]", "[]"), ("$.a.length()", "2"), ("$['s','zzz']", #"{"s":"q"}"#),
    ("$.a[*]['n','t']", #"[{"n":1,"t":"x"},{"n":2}]"#), ("$..['n','t']", #"[{"n":1,"t":"x"}]"#),
    ("$$.s", #""q""#), ("$v.a[1].n", "2"), ("$v['s']", #""q""#),
    ("$v", #"{"a":[{"n":1,"t":"x"},{"n":2}],"s":"q"}"#),
  ])
  func constructs(path: String, result: String) throws {
    #expect(try Self.answer(path, #"{"a":[{"n":1,"t":"x"},{"n":2}],"s":"q"}"#) == result)
  }

  @Test(arguments: [
    ("$.v[?(@.n==2)]", #"[{"n":"2"}]"#), ("$.v[?(@.n===2)]", "[]"), ("$.v[?(@.n<5)].n", "[1]"),
    ("$.v[?(@.s)]", #"[{"n":1,"s":"a"},{"s":null}]"#), ("$.v[?(!@.n)]", #"[{"s":null},5]"#),
    ("$.v[?(@.s=='a' || @.n=='2')].n", #"[1,"2"]"#), ("$.v[?(@.s in ['a','b'])].n", "[1]"),
    ("$.v[?(@.s =~ /A/i)].n", "[1]"), ("$.v[-2:]", #"[{"s":null},5]"#), ("$.v[0:2].n", #"[1,"2"]"#),
    ("$['v'][0]['n','s']", #"{"n":1,"s":"a"}"#), ("$..n", #"[1,"2"]"#), ("$.v.length()", "4"),
    ("$.v[?(@.s==a)].n", "[1]"), ("$.v[?(@.n&&@.s)].n", "[1]"), ("$.v[?(@.n != 1)].n", #"["2"]"#),
    ("$.v[?(@ == 5)]", "[5]"), ("$.v[?(@ == $.v[3])]", "[5]"), ("$.v[?(@ == {'s':null})]", #"[{"s":null}]"#),
    ("$.v[?(!(@.n) && !(@ == 5))]", #"[{"s":null}]"#),
  ])
  func filters(path: String, result: String) throws {
    #expect(try Self.answer(path, #"{"v":[{"n":1,"s":"a"},{"n":"2"},{"s":null},5]}"#) == result)
  }

  @Test(arguments: [
    "$[*]", "$.items[*]", "$.items[1:]", "$.items[:1]", "$.item.items[*]", "$.item.items[1:5]",
    "$.items[*].itemValue", "$.item.items[1:5].itemValue",
  ])
  func aMissingParentOfAnIndefinitePathGivesAnEmptyList(path: String) throws {
    #expect(try Self.answer(path, "{}") == "[]")
  }

  @Test(arguments: [
    ("$.X", "miss: No results for path: $['X']"),
    ("$.no.such", "miss: Missing property in path $['no']"),
    ("$.a.no.such", "miss: Missing property in path $['a']['no']"),
    ("$.l.x", "miss: Property ['x'] not found in path $['l']"),
    ("$.n[0]", "miss: Filter: [0] can only be applied to arrays. Current context is: 1"),
    ("$.a[0].q", "miss: Filter: [0]['q'] can only be applied to arrays. Current context is: {b=x, c=[null]}"),
    ("$.l[5]", "miss: No results for path: $['l'][5]"),
    ("$.l[5].x", "miss: No results for path: $['l'][5]['x']"),
    ("$.z[0]", "miss: The path $['z'] is null"),
    ("$.n[?(@.x)]", "failure: Filter: [?] can not be applied to primitives. Current context is: 1"),
    ("$.l.nope()", "failure: Function with name: nope does not exist."),
  ])
  func textsOfMisses(path: String, text: String) throws {
    #expect(try Self.answer(path, #"{"n":1,"a":{"b":"x","c":[null]},"l":[1,2],"z":null}"#) == text)
  }

  @Test(arguments: [
    ("$.l[5]", true), ("$.l[5].x", false), ("$.l[5][0]", false), ("$.m[0]", false), ("$.q", false),
  ])
  func indexBeyondTheEnd(text: String, isLast: Bool) throws {
    let json = TestJSON()
    let path = try JSONPath.parse(text)
    guard case .missing(let miss) = path.evaluate(json.parse(#"{"l":[1,2]}"#), in: json.arena) else {
      Issue.record("\(text) found something")
      return
    }
    #expect(path.missesLastIndex(miss) == isLast)
  }

  @Test func nullIsFound() throws {
    #expect(try Self.answer("$.k", #"{"k":null}"#) == "null")
    #expect(try Self.answer("$", "null") == "null")
    #expect(try Self.answer("$", "null", .library) == "failure: root can not be null")
  }

  /// Beyond the step that follows `..`, every element of an array that this step wants is
  /// looked at, whatever the step's index; without a further step the index counts.
  @Test func descendantsOfArrays() throws {
    #expect(try Self.answer("$..[0]", "[[1,2],[3]]") == "[[1,2],1,3]")
    #expect(try Self.answer("$..[0].x", #"[{"x":1},{"x":2}]"#) == "[1,2]")
  }

  @Test(arguments: [
    ("$.l.sum()", "10"), ("$.l.min()", "1"), ("$.l.max()", "4"), ("$.l.avg()", "2.5"),
    ("$.l.stddev()", "1.118033988749895"), ("$.l.first()", "1"), ("$.l.last()", "4"), ("$.l.index(-2)", "3"),
    ("$.l.append(5,'x',[1])", #"[1,2,3,4,5,"x",[1]]"#), ("$.o.keys()", #"["a","b"]"#), ("$.o.length()", "2"),
    ("$.concat($.o.a,'-','z')", #""k-z""#), ("$..x.max()", "9"), ("$.l.append(5).length()", "5"),
    ("$.l[0].length()", "null"),
  ])
  func functions(path: String, result: String) throws {
    #expect(try Self.answer(path, #"{"l":[1,2,3,4],"o":{"a":"k","b":[{"x":7},{"x":9}]}}"#) == result)
  }

  @Test(arguments: [
    ("$..a", #"["$['a']","$['b'][1]['a']"]"#), ("$.b[*]", #"["$['b'][0]","$['b'][1]"]"#),
    ("$.a", #"["$['a']"]"#),
  ])
  func locations(path: String, result: String) throws {
    #expect(try Self.answer(path, #"{"a":1,"b":[0,{"a":2}]}"#, [.locations, .lenient]) == result)
  }

  @Test func namesInOtherScriptsAndEscapes() throws {
    #expect(try Self.answer("$.größe['a.b']", #"{"größe":{"a.b":1}}"#) == "1")
    #expect(
      try Self.answer(
        #"$['it\'s']['\u00fc']['\uD83D\uDE00']"#, #"{"it's":{"ü":{"😀":3}}}"#, dialect: .library) == "3")
    // The service takes names as they stand, but for a backslash that protects the quote.
    #expect(try Self.answer(#"$['it\'s']['\u00fc']"#, #"{"it's":{"\\u00fc":3}}"#) == "3")
    #expect(try Self.answer(#"$['Test\"k']"#, #"{"Test\\\"k":1}"#) == "1")
    #expect(try Self.answer(#"$["Test\"k\\"]"#, #"{"Test\"k\\\\":1}"#) == "1")
  }

  @Test(arguments: [
    ("", 0), ("a", 0), (" $", 0), ("$.a ", 3), ("$.", 1), ("$..", 2), ("$.a.", 3), ("$...a", 3), ("$ .a", 1),
    ("$.a b", 3), ("$[", 1), ("$['a'", 5), ("$['a',]", 6), ("$[a]", 2), ("$[:]", 2), ("$[1.0]", 3),
    ("$[99999999999]", 2), ("$.ü[?(@.x ==)]", 12), ("$[?(@.a]", 8), ("$[?(true)]", 4),
    ("$[?(@.a =~ /(/)]", 13),
    ("$*", 1), ("$.f(", 3), ("$1", 1), ("$$$", 2),
  ])
  func syntaxErrors(path: String, offset: Int) {
    #expect(throws: PathSyntaxError.self) { try JSONPath.parse(path) }
    do {
      _ = try JSONPath.parse(path)
    } catch {
      #expect(error.offset == offset, "\(path): \(error)")
    }
  }

  @Test func rootsAndKinds() throws {
    #expect(try JSONPath.parse("$").root == .data)
    #expect(try JSONPath.parse("$$").root == .context)
    #expect(try JSONPath.parse("$$.Execution.Id").root == .context)
    #expect(try JSONPath.parse("$myVar1.x").root == .variable("myVar1"))
    #expect(try JSONPath.parse("$.a['b c'][0]").isReferencePath)
    #expect(try JSONPath.parse("$['a:b,c*']").isReferencePath)
    for text in [
      "$.a[*]", "$..a", "$.a[?(@.b)]", "$.a[0,1]", "$.a[0:1]", "$['a','b']", "$.a@b", "$.a:b", "$.a.length()",
    ] {
      #expect(try !JSONPath.parse(text).isReferencePath, "\(text)")
    }
    #expect(try JSONPath.parse("$['a','b']").isDefinite)
    #expect(try !JSONPath.parse("$['a','b'].c").isDefinite)
  }

  @Test func limitsOnThePathItself() {
    let steps = "$" + String(repeating: ".a", count: PathLimits.stepsMax + 1)
    #expect(throws: PathSyntaxError.self) { try JSONPath.parse(steps) }
    let nested = String(repeating: "$[?(@", count: 2_000).replacing("@$", with: "@")
    #expect(throws: PathSyntaxError.self) {
      try JSONPath.parse(nested + String(repeating: ")]", count: 2_000))
    }
    let parentheses =
      "$[?(" + String(repeating: "(", count: 5_000) + "@.a" + String(repeating: ")", count: 5_001) + "]"
    #expect(throws: PathSyntaxError.self) { try JSONPath.parse(parentheses) }
    let literal =
      "$[?(@ == " + String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000) + ")]"
    #expect(throws: PathSyntaxError.self) { try JSONPath.parse(literal) }
    let chain = "$[?(@.a" + String(repeating: " || @.a", count: 5_000) + ")]"
    #expect(throws: PathSyntaxError.self) { try JSONPath.parse(chain) }
  }

  @Test func deepDocumentsAndCostlyPathsEnd() throws {
    let depth = 1_000
    let deep = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    let json = TestJSON()
    let document = json.parse(deep)
    guard case .found(let all) = try JSONPath.parse("$..*").evaluate(document, in: json.arena) else {
      Issue.record("$..* on a deep document")
      return
    }
    #expect(all.count == depth - 1)
    let costly = try JSONPath.parse("$..*..*..*..*")
    guard case .failure(let failure) = costly.evaluate(document, in: json.arena, visitsMax: 200_000) else {
      Issue.record("$..*..*..*..* came to an end")
      return
    }
    #expect(failure.reason == .tooManySteps)
    let pattern = try JSONPath.parse("$[?(@ =~ /(a*)*b/)]")
    let text = json.parse("[\"" + String(repeating: "a", count: 60) + "\"]")
    guard case .failure(let ended) = pattern.evaluate(text, in: json.arena, visitsMax: 100_000) else {
      Issue.record("the pattern came to an end")
      return
    }
    #expect(ended.reason == .tooManySteps)
  }

  @Test func tooDeepDocumentsAreRefused() throws {
    let json = TestJSON()
    func nested(_ levels: Int) -> Value {
      var value = Value.emptyArray
      for _ in 1..<levels {
        let elements = json.arena.pointee.elements(1)
        elements[0] = value
        value = .array(elements, count: 1)
      }
      return value
    }
    let path = try JSONPath.parse("$..[0]..[?(!@.x)]")
    guard case .failure(let failure) = path.evaluate(nested(100_000), in: json.arena) else {
      Issue.record("a document of 100,000 levels was walked")
      return
    }
    #expect(failure.reason == .tooDeep)
    let deepest = try JSONPath.parse("$..*").evaluate(nested(PathLimits.depthMax), in: json.arena)
    guard case .found(let all) = deepest else {
      Issue.record("a document of \(PathLimits.depthMax) levels was not walked")
      return
    }
    #expect(all.count == PathLimits.depthMax - 1)
  }

  @Test func resultsDoNotPointIntoThePath() throws {
    let json = TestJSON()
    let document = json.parse(#"{"a":1,"l":[]}"#)
    func find(_ text: String) throws -> Value {
      let path = try JSONPath.parse(text)
      guard case .found(let value) = path.evaluate(document, in: json.arena) else { return .missing }
      return value
    }
    let merged = try find("$['a','zzz']")
    let appended = try find("$.l.append('a text of some length',[{'k':'v'}])")
    #expect(TestJSON.write(merged) == #"{"a":1}"#)
    #expect(TestJSON.write(appended) == #"["a text of some length",[{"k":"v"}]]"#)
  }
}

/// Proves what `ResultPath` takes, and the words for what it does not take.
@Suite struct JSONPathReferenceTests {
  @Test func segments() throws {
    #expect(try ReferencePath.parse("$").segments.isEmpty)
    #expect(try ReferencePath.parse("$.a['b c'][3]").segments == [.name("a"), .name("b c"), .index(3)])
  }

  @Test(arguments: [
    "$.a[*]", "$..a", "$.a[0,1]", "$.a[1:2]", "$.a[?(@.b)]", "$$.a", "$x.a", "$.a.", "$.a.length()", "$.a@",
  ])
  func refused(text: String) {
    #expect { try ReferencePath.parse(text) } throws: { error in
      (error as? PathSyntaxError)?.message == "Value is not a Reference Path"
    }
  }

  @Test(arguments: ["", "a", ".a", " $.a"])
  func notStartingWithADollar(text: String) {
    #expect { try ReferencePath.parse(text) } throws: { error in
      (error as? PathSyntaxError)?.message
        == "Value is not a Reference Path: Reference path didn't start with '$'"
    }
  }
}
