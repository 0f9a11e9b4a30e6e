import Testing

@testable import Stepmill

/// Proves what every function gives for valid and for invalid arguments: what AWS was
/// seen to give where that is known.
@Suite struct IntrinsicFunctionTests {
  private func check(_ row: IntrinsicRow) throws {
    let evaluate = IntrinsicEvaluator()
    #expect(try evaluate(row.call, row.input) == row.expected)
  }

  @Test(arguments: Self.worked) func workedExamples(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.format) func formatting(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.json) func jsonTexts(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.arrays) func arrayFunctions(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.contains) func arrayContains(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.unique) func arrayUnique(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.math) func mathFunctions(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.split) func stringSplit(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.encoding) func encodings(row: IntrinsicRow) throws { try check(row) }
  @Test(arguments: Self.counts) func wrongArgumentCounts(row: IntrinsicRow) throws { try check(row) }

  static let worked: [IntrinsicRow] = {
    let input = #"{"n":"Ada","v":[1,2,3,4,5],"o":{"k":1},"z":null}"#
    return [
      .init("States.Format('Hi {}, {} items', $.n, States.ArrayLength($.v))", input, #""Hi Ada, 5 items""#),
      .init(#"States.Format('Name: \'{}\'', $.n)"#, input, #""Name: 'Ada'""#),
      .init(#"States.Format('\{{}\}', $.n)"#, input, #""{Ada}""#),
      .init("States.Format('{}', $.z)", input, #""null""#),
      .init("States.ArrayPartition($.v, 2)", input, "[[1,2],[3,4],[5]]"),
      .init("States.ArrayRange(1, 9, 2)", input, "[1,3,5,7,9]"),
      .init("States.ArrayRange(0, 9, 3)", input, "[0,3,6,9]"),
      .init("States.ArrayRange(1.4, 5.6, 2.2)", input, "[1,3,5]"),
      .init("States.ArrayRange(5.4, -0.6, -2.4)", input, "[5,3,1]"),
      .init("States.MathAdd(1.6, 2.7)", input, "5"),
      .init(
        #"States.JsonMerge($.o, States.StringToJson('{"k":2,"m":3}'), false)"#, input, #"{"k":2,"m":3}"#),
      .init("States.StringToJson(States.JsonToString($.o))", input, #"{"k":1}"#),
      .init("States.Array($.n, $.o.k, null, 'x')", input, #"["Ada",1,null,"x"]"#),
      .init("States.ArrayGetItem(States.StringSplit($.n, 'd'), 0)", input, #""A""#),
      .init(
        "States.ArrayGetItem(States.StringSplit('a-b-c', '-'), "
          + "States.MathAdd(States.ArrayLength(States.StringSplit('a-b-c', '-')), -1))", input, #""c""#),
    ]
  }()

  static let format: [IntrinsicRow] = [
    .init("States.Format('Formatting argument {}.', $.x)", #"{"x":""}"#, #""Formatting argument .""#),
    .init("States.Format('Formatting argument {}.', $.x)", #"{"x":" "}"#, #""Formatting argument  .""#),
    .init("States.Format('Formatting argument {}.', $.x)", #"{"x":null}"#, #""Formatting argument null.""#),
    .init("States.Format('Formatting argument {}.', $.x)", #"{"x":1}"#, #""Formatting argument 1.""#),
    .init("States.Format('Formatting argument {}.', $.x)", #"{"x":1.1}"#, #""Formatting argument 1.1.""#),
    .init(
      "States.Format('{}', $.x)", #"{"x":"{\"Arg1\": 1, \"Arg2\": []}"}"#, #""{\"Arg1\": 1, \"Arg2\": []}""#),
    .init("States.Format('{}', $.x)", #"{"x":{"Arg1":1,"Arg2":[]}}"#, #""{Arg1=1, Arg2=[]}""#),
    .init(
      "States.Format('{}', $.x)", #"{"x":[1, "a", null, true, {"b":{}}]}"#, #""[1, a, null, true, {b={}}]""#),
    .init("States.Format('{}', $.x)", #"{"x":["a\"b"]}"#, #""[a\"b]""#),
    .init("States.Format('{}{}', true, false)", #""truefalse""#),
    .init("States.Format('{} {} {}', 1.50, 1e10, 0.0001)", #""1.5 1.0E10 1.0E-4""#),
    .init("States.Format('{}', -9223372036854775808)", #""-9223372036854775808""#),
    .init("States.Format('plain')", #""plain""#),
    .init("States.Format('')", #""""#),
    .init(#"States.Format('a\\b')"#, #""a\\b""#),
    .init(#"States.Format('\\{}', 1)"#, #""\\1""#),
    .init("States.Format('é{}😀', 'ü')", #""éü😀""#),
    // Templates that are data follow the same rules.
    .init("States.Format($.t, 1, 'b')", #"{"t":"{}-{}"}"#, #""1-b""#),
    .init("States.Format($.t, 1)", #"{"t":"\\{{}\\} \\\\ it's \\'q\\'"}"#, #""{1} \\ it's 'q'""#),
    .init("States.Format($.t)", #"{"t":"C:\\temp\\"}"#, #""C:\\temp\\""#),
    .init("States.Format(States.Format('{}{}', '{', '}'), 7)", #""7""#),
    // The number of placeholders and of arguments must be the same.
    .init("States.Format('{}')", "missing"),
    .init("States.Format('{}', 1, 2)", "missing"),
    .init("States.Format('x', 1)", "missing"),
    .init("States.Format($.t, 1, 2)", #"{"t":"{}"}"#, "missing"),
    // A brace stands alone.
    .init("States.Format('{{}}', 1)", "missing"),
    .init("States.Format('{', 1)", "missing"),
    .init("States.Format('{}}', 1)", "missing"),
    .init("States.Format('{x}', 1)", "missing"),
    .init("States.Format('a{')", "missing"),
    .init("States.Format($.t, 1)", #"{"t":"{{}}"}"#, "missing"),
    .init("States.Format($.t)", #"{"t":"}"}"#, "missing"),
    // The template is no string.
    .init("States.Format(1)", "missing"),
    .init("States.Format($.t, 1)", #"{"t":null}"#, "missing"),
    .init("States.Format($.t, 1)", #"{"t":["{}"]}"#, "missing"),
  ]

  static let json: [IntrinsicRow] = [
    .init("States.StringToJson('')", "null"),
    .init("States.StringToJson(' ')", "null"),
    .init("States.StringToJson('null')", "null"),
    .init("States.StringToJson('-0')", "0"),
    .init("States.StringToJson('1.1')", "1.1"),
    .init("States.StringToJson('true')", "true"),
    .init(#"States.StringToJson('"x"')"#, #""x""#),
    .init(#"States.StringToJson('{"k": "v"}')"#, #"{"k":"v"}"#),
    .init("States.StringToJson($.s)", #"{"s":" [1, {\"a\": \"\\u00e9\\n\"}] \n"}"#, #"[1,{"a":"é\n"}]"#),
    .init("States.StringToJson('{')", "missing"),
    .init("States.StringToJson('[1] 2')", "missing"),
    .init("States.StringToJson('nul')", "missing"),
    .init("States.StringToJson('hello')", "missing"),
    .init("States.StringToJson(1)", "missing"),
    .init("States.StringToJson(null)", "missing"),
    .init("States.StringToJson($.s)", #"{"s":{}}"#, "missing"),
    .init("States.StringToJson($.s)", #"{"s":[]}"#, "missing"),
    .init("States.JsonToString(null)", #""null""#),
    .init("States.JsonToString(0)", #""0""#),
    .init("States.JsonToString(1.1)", #""1.1""#),
    .init("States.JsonToString(true)", #""true""#),
    .init("States.JsonToString('HelloWorld')", #""\"HelloWorld\"""#),
    .init("States.JsonToString($.v)", #"{"v":[1, 2, "x"]}"#, #""[1,2,\"x\"]""#),
    .init("States.JsonToString($.v)", #"{"v":{"Arg1": 1, "Arg2": []}}"#, #""{\"Arg1\":1,\"Arg2\":[]}""#),
    .init(
      "States.JsonToString($.v)", #"{"v":{"z":1,"a":{"y":2,"b":3}}}"#, #""{\"z\":1,\"a\":{\"y\":2,\"b\":3}}""#
    ),
    .init(
      "States.JsonMerge($.a, $.b, false)",
      #"{"a":{"a":{"a1":1,"a2":2},"b":2,"d":3},"b":{"a":{"a3":1,"a4":2},"c":3,"d":4}}"#,
      #"{"a":{"a3":1,"a4":2},"b":2,"d":4,"c":3}"#),
    .init("States.JsonMerge($.a, $.b, false)", #"{"a":{},"b":{"x":1}}"#, #"{"x":1}"#),
    .init("States.JsonMerge($.a, $.b, false)", #"{"a":{"x":1},"b":{}}"#, #"{"x":1}"#),
    .init("States.JsonMerge($.a, $.b, 'no')", #"{"a":{"x":1},"b":{"y":2}}"#, #"{"x":1,"y":2}"#),
    .init("States.JsonMerge($.a, $.b, null)", #"{"a":{"x":1},"b":{"y":2}}"#, #"{"x":1,"y":2}"#),
    .init("States.JsonMerge($.a, $.b, true)", #"{"a":{"x":1},"b":{"y":2}}"#, "missing"),
    .init("States.JsonMerge($.a, $.b, false)", #"{"a":[],"b":{}}"#, "missing"),
    .init("States.JsonMerge($.a, $.b, false)", #"{"a":{},"b":null}"#, "missing"),
    .init("States.JsonMerge($.a, 'b', false)", #"{"a":{}}"#, "missing"),
  ]

  static let arrays: [IntrinsicRow] = [
    .init("States.Array()", "[]"),
    .init("States.Array(null, null)", "[null,null]"),
    .init("States.Array('', '')", #"["",""]"#),
    .init("States.Array($.a)", #"{"a":{"Arg1":1,"Arg2":[]}}"#, #"[{"Arg1":1,"Arg2":[]}]"#),
    .init("States.ArrayGetItem($.a, 5)", #"{"a":[1,2,3,4,5,6,7,8,9]}"#, "6"),
    .init("States.ArrayGetItem($.a, 1.9)", #"{"a":[1,2,3]}"#, "2"),
    .init("States.ArrayGetItem($.a, -0.9)", #"{"a":[1,2,3]}"#, "1"),
    .init("States.ArrayGetItem($.a, 0)", #"{"a":[]}"#, "null"),
    .init("States.ArrayGetItem($.a, 7)", #"{"a":[]}"#, "null"),
    .init("States.ArrayGetItem($.a, 3)", #"{"a":[1,2,3]}"#, "missing"),
    .init("States.ArrayGetItem($.a, -1)", #"{"a":[1,2,3]}"#, "missing"),
    .init("States.ArrayGetItem($.a, 1e30)", #"{"a":[1,2,3]}"#, "missing"),
    .init("States.ArrayGetItem($.a, '0')", #"{"a":[1,2,3]}"#, "missing"),
    .init("States.ArrayGetItem('abc', 0)", "missing"),
    .init("States.ArrayLength($.a)", #"{"a":[1,2,3,4,5,6,7,8,9]}"#, "9"),
    .init("States.ArrayLength($.a)", #"{"a":[]}"#, "0"),
    .init("States.ArrayLength('abc')", "missing"),
    .init("States.ArrayLength($.a)", #"{"a":{}}"#, "missing"),
    .init("States.ArrayLength(null)", "missing"),
    .init("States.ArrayPartition($.a, 1)", #"{"a":[]}"#, "[]"),
    .init("States.ArrayPartition($.a, 5)", #"{"a":[]}"#, "[]"),
    .init("States.ArrayPartition($.a, 3)", #"{"a":[0]}"#, "[[0]]"),
    .init("States.ArrayPartition($.a, 2)", #"{"a":[0,1,2]}"#, "[[0,1],[2]]"),
    .init("States.ArrayPartition($.a, 5)", #"{"a":[0,1,2]}"#, "[[0,1,2]]"),
    .init("States.ArrayPartition($.a, 2.6)", #"{"a":[0,1,2]}"#, "[[0,1],[2]]"),
    .init("States.ArrayPartition($.a, 1e300)", #"{"a":[0,1,2]}"#, "[[0,1,2]]"),
    .init("States.ArrayPartition($.a, 9223372036854775807)", #"{"a":[0,1]}"#, "[[0,1]]"),
    .init("States.ArrayPartition($.a, 0.6)", #"{"a":[0,1,2]}"#, "missing"),
    .init("States.ArrayPartition($.a, 0)", #"{"a":[]}"#, "missing"),
    .init("States.ArrayPartition($.a, -1e300)", #"{"a":[0]}"#, "missing"),
    .init("States.ArrayPartition($.a, '2')", #"{"a":[0,1,2]}"#, "missing"),
    .init("States.ArrayPartition($.a, null)", #"{"a":[0,1,2]}"#, "missing"),
    .init("States.ArrayPartition('ab', 1)", "missing"),
    .init("States.ArrayPartition(null, 1)", "missing"),
    .init("States.ArrayRange(0,10,3)", "[0,3,6,9]"),
    .init("States.ArrayRange(1,9,9)", "[1]"),
    .init("States.ArrayRange(1,1,5)", "[1]"),
    .init("States.ArrayRange(1,1,-5)", "[1]"),
    .init("States.ArrayRange(1,5,-1)", "[]"),
    .init("States.ArrayRange(5,1,1)", "[]"),
    .init("States.ArrayRange(5,1,-2)", "[5,3,1]"),
    .init("States.ArrayRange(1,5,0)", "missing"),
    .init("States.ArrayRange(1,5,0.9)", "missing"),
    .init("States.ArrayRange(1,1,0)", "missing"),
    .init("States.ArrayRange(1,1001,1)", "missing"),
    .init("States.ArrayRange(1001,1,-1)", "missing"),
    .init("States.ArrayLength(States.ArrayRange(1,1000,1))", "1000"),
    .init("States.ArrayLength(States.ArrayRange(1000,1,-1))", "1000"),
    .init(
      "States.ArrayRange(-9223372036854775808, 9223372036854775807, 9223372036854775807)",
      "[-9223372036854775808,-1,9223372036854775806]"),
    .init(
      "States.ArrayRange(9223372036854775807, -9223372036854775808, -9223372036854775808)",
      "[9223372036854775807,-1]"),
    .init("States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)", "missing"),
    .init("States.ArrayRange(1e300, 2, 1)", "missing"),
    .init("States.ArrayRange('1', 2, 1)", "missing"),
    .init("States.ArrayRange(1, null, 1)", "missing"),
    .init("States.ArrayRange(1, 2, true)", "missing"),
  ]

  static let contains: [IntrinsicRow] = [
    .init("States.ArrayContains($.a, null)", #"{"a":[]}"#, "false"),
    .init("States.ArrayContains($.a, $.v)", #"{"a":[],"v":[]}"#, "false"),
    .init("States.ArrayContains($.a, 1)", #"{"a":[]}"#, "false"),
    .init("States.ArrayContains($.a, $.v)", #"{"a":[[1,2,3],2],"v":[1,2,3]}"#, "true"),
    .init("States.ArrayContains($.a, null)", #"{"a":[[1,2,3],2]}"#, "false"),
    .init("States.ArrayContains($.a, $.v)", #"{"a":[{"1":2,"2":[]}],"v":{"1":2,"2":[]}}"#, "true"),
    .init("States.ArrayContains($.a, $.v)", #"{"a":[{"1":2,"2":[]}],"v":{"2":[],"1":2}}"#, "false"),
    .init("States.ArrayContains($.a, $.v)", #"{"a":[{"1":2,"2":[]}],"v":[]}"#, "false"),
    .init("States.ArrayContains($.a, true)", #"{"a":[true,false]}"#, "true"),
    .init("States.ArrayContains($.a, false)", #"{"a":[true,false]}"#, "true"),
    .init("States.ArrayContains($.a, true)", #"{"a":["true"]}"#, "true"),
    .init("States.ArrayContains($.a, 'true')", #"{"a":[true]}"#, "true"),
    .init("States.ArrayContains($.a, 9007199254740991)", #"{"a":["9007199254740991"]}"#, "true"),
    .init("States.ArrayContains($.a, '9007199254740991')", #"{"a":[1,9007199254740991]}"#, "true"),
    .init("States.ArrayContains($.a, false)", #"{"a":[0]}"#, "false"),
    .init("States.ArrayContains($.a, 0)", #"{"a":[false]}"#, "false"),
    .init("States.ArrayContains($.a, 1.5)", #"{"a":[1,1.50]}"#, "true"),
    .init("States.ArrayContains($.a, '')", #"{"a":[[],{}]}"#, "false"),
    .init("States.ArrayContains($.a, '')", #"{"a":[""]}"#, "true"),
    .init("States.ArrayContains('abc', 'a')", "missing"),
    .init("States.ArrayContains($.a, 'a')", #"{"a":{"a":1}}"#, "missing"),
    .init("States.ArrayContains(null, 'a')", "missing"),
  ]

  static let unique: [IntrinsicRow] = [
    .init("States.ArrayUnique($.a)", #"{"a":[]}"#, "[]"),
    .init("States.ArrayUnique($.a)", #"{"a":[7]}"#, "[7]"),
    .init("States.ArrayUnique($.a)", #"{"a":[true,false,true]}"#, "[false,true]"),
    .init("States.ArrayUnique($.a)", #"{"a":[[1,2],[1,2],[2,1]]}"#, "[[2,1],[1,2]]"),
    .init("States.ArrayUnique($.a)", #"{"a":[3,1,2,3,1]}"#, "[1,2,3]"),
    .init("States.ArrayUnique($.a)", #"{"a":["c","a","b","a"]}"#, #"["a","b","c"]"#),
    .init("States.ArrayUnique($.a)", #"{"a":[1,"1",1,"1"]}"#, #"[1,"1"]"#),
    .init("States.ArrayUnique($.a)", #"{"a":[null,null]}"#, "[null]"),
    .init("States.ArrayUnique($.a)", #"{"a":[16,0,32,16]}"#, "[16,0,32]"),
    .init("States.ArrayUnique($.a)", #"{"a":[17,5,1]}"#, "[17,1,5]"),
    .init("States.ArrayUnique($.a)", #"{"a":[{"a":1,"b":[2]},{"b":[2],"a":1}]}"#, #"[{"a":1,"b":[2]}]"#),
    .init("States.ArrayUnique($.a)", #"{"a":[0.1,0.10,1e-1]}"#, "[0.1]"),
    // Thirteen elements need 32 buckets, so that 16 no longer shares one with 0.
    .init(
      "States.ArrayUnique($.a)", #"{"a":[16,12,11,10,9,8,7,6,5,4,3,2,0]}"#,
      "[0,2,3,4,5,6,7,8,9,10,11,12,16]"),
    .init("States.ArrayUnique($.a)", #"{"a":[16,11,10,9,8,7,6,5,4,3,2,0]}"#, "[16,0,2,3,4,5,6,7,8,9,10,11]"),
    .init("States.ArrayUnique('aa')", "missing"),
    .init("States.ArrayUnique(null)", "missing"),
    .init("States.ArrayUnique($.a)", #"{"a":{}}"#, "missing"),
  ]

  static let math: [IntrinsicRow] = [
    .init("States.MathAdd(-9, 3)", "-6"),
    .init("States.MathAdd(1.49, 1.5)", "3"),
    .init("States.MathAdd(1.5, 1.51)", "4"),
    .init("States.MathAdd(-1.49, -1.5)", "-2"),
    .init("States.MathAdd(-1.5, -1.51)", "-3"),
    .init("States.MathAdd(1.49, -1.49)", "0"),
    .init("States.MathAdd(0.5, 0)", "1"),
    .init("States.MathAdd(2.5, 0)", "3"),
    .init("States.MathAdd(-0.5, 0)", "0"),
    .init("States.MathAdd(-0.5, 0.5)", "1"),
    .init("States.MathAdd(-1.5, 0)", "-1"),
    .init("States.MathAdd(-2.5, 0)", "-2"),
    .init("States.MathAdd(-1.51, 0)", "-2"),
    .init("States.MathAdd(0.49999999999999994, 0)", "0"),
    .init("States.MathAdd(1e3, 0)", "1000"),
    .init("States.MathAdd(2147483647, 0)", "2147483647"),
    .init("States.MathAdd(-2147483648, 0)", "-2147483648"),
    .init("States.MathAdd(2147483647, -2147483648)", "-1"),
    .init("States.MathAdd(2147483647, 1)", "missing"),
    .init("States.MathAdd(-2147483648, -1)", "missing"),
    .init("States.MathAdd(2147483648, -1)", "missing"),
    .init("States.MathAdd(2147483647.5, -1)", "missing"),
    .init("States.MathAdd(9223372036854775807, 1)", "missing"),
    .init("States.MathAdd(-9223372036854775808, -9223372036854775808)", "missing"),
    .init("States.MathAdd(1e300, 1)", "missing"),
    .init("States.MathAdd(1e999, 1)", "missing"),
    .init("States.MathAdd('1', 1)", "missing"),
    .init("States.MathAdd(1, true)", "missing"),
    .init("States.MathAdd(null, 1)", "missing"),
    .init("States.MathRandom(4, 5)", "4"),
    .init("States.MathRandom(4.9, 5.1)", "4"),
    .init("States.MathRandom(-1, 0, 7)", "-1"),
    .init("States.MathRandom(1.4, 1.6)", "missing"),
    .init("States.MathRandom(5, 5)", "missing"),
    .init("States.MathRandom(5, 4)", "missing"),
    .init("States.MathRandom(0, 4294967296)", "missing"),
    .init("States.MathRandom('0', 4)", "missing"),
    .init("States.MathRandom(0, 4, null)", "missing"),
    .init("States.MathRandom(0, 4, '1')", "missing"),
    // The first numbers of Java's `new Random(42)` and `new Random(0)`.
    .init("States.MathRandom(0, 10, 42)", "0"),
    .init("States.MathRandom(0, 100, 42)", "30"),
    .init("States.MathRandom(0, 100, 0)", "60"),
    .init("States.MathRandom(-2147483648, 2147483647, 42)", "-1170105035"),
  ]

  static let split: [IntrinsicRow] = [
    .init("States.StringSplit('a,,b', ',')", #"["a","b"]"#),
    .init("States.StringSplit(',,,', ',')", "[]"),
    .init("States.StringSplit('', ',')", "[]"),
    .init("States.StringSplit('', '')", "[]"),
    .init("States.StringSplit('abc', '')", #"["abc"]"#),
    .init("States.StringSplit('1+2,3.4', '.+,')", #"["1","2","3","4"]"#),
    .init("States.StringSplit('Hello\nWorld', '\n')", #"["Hello","World"]"#),
    .init("States.StringSplit(' ', ',')", #"[" "]"#),
    .init("States.StringSplit(' , ', ',')", #"[" "," "]"#),
    .init("States.StringSplit(', , ,', ',')", #"[" "," "]"#),
    .init("States.StringSplit('This.is+a,test=string', '.+,=')", #"["This","is","a","test","string"]"#),
    .init("States.StringSplit('split on T and \nnew line', 'T\n')", #"["split on "," and ","new line"]"#),
    .init("States.StringSplit('aäbñc😀d😁e', 'ñ😀ä')", #"["a","b","c","d😁e"]"#),
    .init("States.StringSplit('äbä', 'b')", #"["ä","ä"]"#),
    .init(
      "States.StringSplit($.s, ',')",
      #"{"s":"Value1,Value2,Value3\nValue4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n"}"#,
      #"["Value1","Value2","Value3\nValue4","Value5","Value6\n","\ntrue","1","'HelloWorld'\nNull","None","\n   \n"]"#
    ),
    .init("States.StringSplit(1, ',')", "missing"),
    .init("States.StringSplit('a', null)", "missing"),
    .init("States.StringSplit($.a, ',')", #"{"a":["a"]}"#, "missing"),
  ]

  static let encoding: [IntrinsicRow] = [
    .init("States.Base64Encode('Data to encode')", #""RGF0YSB0byBlbmNvZGU=""#),
    .init("States.Base64Encode('')", #""""#),
    .init("States.Base64Encode('a')", #""YQ==""#),
    .init("States.Base64Encode('ab')", #""YWI=""#),
    .init("States.Base64Encode('abc')", #""YWJj""#),
    .init("States.Base64Encode('é?😀')", #""w6k/8J+YgA==""#),
    .init("States.Base64Encode($.s)", #"{"s":"x\ud800y"}"#, #""eD95""#),
    .init("States.Base64Encode(1)", "missing"),
    .init("States.Base64Encode(null)", "missing"),
    .init("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", #""Data to encode""#),
    .init("States.Base64Decode('RGF0YSB0byBlbmNvZGU')", #""Data to encode""#),
    .init("States.Base64Decode(' RGF0 YSB0byBl\nbmNv-ZGU= ')", #""Data to encode""#),
    .init("States.Base64Decode('w6k/8J+YgA==')", #""é?😀""#),
    .init("States.Base64Decode('')", #""""#),
    .init("States.Base64Decode('=')", #""""#),
    .init("States.Base64Decode('====')", #""""#),
    .init("States.Base64Decode('YQ')", #""a""#),
    .init("States.Base64Decode('YQ=')", #""a""#),
    .init("States.Base64Decode('YQ==YWI=')", #""aab""#),
    .init("States.Base64Decode('YW=Jj')", #""abc""#),
    .init("States.Base64Decode('=YWJj')", #""abc""#),
    .init("States.Base64Decode('YWJj====')", #""abc""#),
    .init("States.Base64Decode('YWJjY')", #""abc""#),
    .init("States.Base64Decode('!?')", #""""#),
    .init("States.Base64Decode('/w==')", "\"\u{FFFD}\""),
    .init("States.Base64Decode('YeKCYg==')", "\"a\u{FFFD}b\""),
    .init("States.Base64Decode('7aCA')", "\"\u{FFFD}\""),
    .init("States.Base64Decode('ImEK')", #""\"a\n""#),
    .init("States.Base64Decode(1)", "missing"),
    .init("States.Hash('hello', 'MD5')", #""5d41402abc4b2a76b9719d911017c592""#),
    .init("States.Hash('hello', 'SHA-1')", #""aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d""#),
    .init(
      "States.Hash('', 'SHA-256')", #""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#),
    .init("States.Hash('input data', 'MD5')", #""812f45842bc6d66ee14572ce20db8e86""#),
    .init("States.Hash('input data', 'SHA-1')", #""aaff4a450a104cd177d28d18d74485e8cae074b7""#),
    .init(
      "States.Hash('input data', 'SHA-256')",
      #""b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3""#),
    .init("States.Hash(123, 'MD5')", #""202cb962ac59075b964b07152d234b70""#),
    .init("States.Hash('123', 'MD5')", #""202cb962ac59075b964b07152d234b70""#),
    .init("States.Hash(null, 'MD5')", #""37a6259cc0c1dae299a7866489dff0bd""#),
    .init("States.Hash($.o, 'MD5')", #"{"o":{ "a": [1, 2] }}"#, #""ca16230f6b96fc0b51c574066abedaed""#),
    .init("States.Hash('a', 'md5')", "missing"),
    .init("States.Hash('a', 'SHA256')", "missing"),
    .init("States.Hash('a', 1)", "missing"),
    .init("States.Hash('a', null)", "missing"),
  ]

  static let counts: [IntrinsicRow] = [
    "States.Format()", "States.StringToJson()", "States.StringToJson('1', '2')", "States.JsonToString()",
    "States.JsonToString(1, 2)", "States.ArrayPartition(1)", "States.ArrayContains(States.Array())",
    "States.ArrayRange(1, 2)", "States.ArrayRange(1, 2, 1, 1)", "States.ArrayGetItem(States.Array())",
    "States.ArrayLength()", "States.ArrayLength(States.Array(), 1)", "States.ArrayUnique()",
    "States.Base64Encode()", "States.Base64Decode()", "States.Hash('a')", "States.Hash('a', 'MD5', 1)",
    "States.JsonMerge()", "States.MathRandom(1)", "States.MathRandom(1, 2, 3, 4)", "States.MathAdd(1)",
    "States.MathAdd(1, 2, 3)", "States.StringSplit('a')", "States.StringSplit('a', 'b', 'c')",
    "States.UUID(1)",
  ].map { IntrinsicRow($0, "missing") }
}

/// Proves the limits, and what has no fixed result.
@Suite struct IntrinsicLimitTests {
  @Test func encodedTextsHaveTenThousandCharacters() throws {
    let evaluate = IntrinsicEvaluator()
    func input(_ text: String, _ count: Int) -> String {
      #"{"s":""# + String(repeating: text, count: count) + #""}"#
    }
    for call in ["States.Base64Encode($.s)", "States.Base64Decode($.s)", "States.Hash($.s, 'MD5')"] {
      #expect(try evaluate(call, input("a", 10_000)) != "missing")
      #expect(try evaluate(call, input("é", 10_000)) != "missing")
      #expect(try evaluate(call, input("😀", 5_000)) != "missing")
      #expect(try evaluate(call, input("a", 10_001)) == "missing")
      #expect(try evaluate(call, input("é", 10_001)) == "missing")
      #expect(try evaluate(call, input("😀", 5_001)) == "missing")
    }
  }

  /// Arguments that share their parts cannot unfold to more than the limit.
  @Test func sharedPartsDoNotUnfold() throws {
    let evaluate = IntrinsicEvaluator()
    var value = evaluate.scratch.arena.pointee.string("0123456789")
    for _ in 0..<60 {
      value = [value, value].withUnsafeBufferPointer { Intrinsic.array.evaluate($0, evaluate.scratch) }
    }
    let result = evaluate.scratch
    for function in [Intrinsic.jsonToString, .arrayUnique] {
      #expect([value].withUnsafeBufferPointer { function.evaluate($0, result) }.isMissing)
    }
    let pair = [value, value]
    #expect(pair.withUnsafeBufferPointer { Intrinsic.arrayContains.evaluate($0, result) }.isMissing)
    let format = [Value.string("{}"), value]
    #expect(format.withUnsafeBufferPointer { Intrinsic.format.evaluate($0, result) }.isMissing)
    let hash = [value, Value.string("MD5")]
    #expect(hash.withUnsafeBufferPointer { Intrinsic.hash.evaluate($0, result) }.isMissing)
  }

  @Test func valuesTooDeepAreRefused() {
    let evaluate = IntrinsicEvaluator()
    var value = Value.integer(1)
    for depth in 1...(Intrinsic.nestingMax + 1) {
      value = [value].withUnsafeBufferPointer { Intrinsic.array.evaluate($0, evaluate.scratch) }
      guard depth >= Intrinsic.nestingMax else { continue }
      let text = [value].withUnsafeBufferPointer { Intrinsic.jsonToString.evaluate($0, evaluate.scratch) }
      #expect(text.isMissing == (depth > Intrinsic.nestingMax))
    }
  }

  @Test func mergingWideObjectsKeepsTheOrder() throws {
    let evaluate = IntrinsicEvaluator()
    let a = (0..<500).map { #""key\#($0)":\#($0)"# }.joined(separator: ",")
    let b = (250..<750).reversed().map { #""key\#($0)":-\#($0)"# }.joined(separator: ",")
    let expected =
      (0..<500).map { #""key\#($0)":\#($0 < 250 ? $0 : -$0)"# }
      + (500..<750).reversed().map { #""key\#($0)":-\#($0)"# }
    let result = try evaluate("States.JsonMerge($.a, $.b, false)", #"{"a":{\#(a)},"b":{\#(b)}}"#)
    #expect(result == "{" + expected.joined(separator: ",") + "}")
  }

  @Test func uniqueOfManyElements() throws {
    let evaluate = IntrinsicEvaluator()
    let numbers = (0..<4000).map { String($0 * 7919 % 1000) }.joined(separator: ",")
    let result = try evaluate("States.ArrayUnique($.a)", #"{"a":[\#(numbers)]}"#)
    #expect(result == "[" + (0..<1000).map(String.init).joined(separator: ",") + "]")
  }

  @Test func uuidsAreRandomOfVersionFour() throws {
    let evaluate = IntrinsicEvaluator(seed: 99)
    var seen: Set<String> = []
    for _ in 0..<100 {
      let uuid = try evaluate("States.UUID()")
      #expect(
        uuid.wholeMatch(of: /"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"/) != nil)
      seen.insert(uuid)
    }
    #expect(seen.count == 100)
    #expect(
      try IntrinsicEvaluator(seed: 99)("States.UUID()") == IntrinsicEvaluator(seed: 99)("States.UUID()"))
  }

  @Test func randomNumbersFillTheirRange() throws {
    let evaluate = IntrinsicEvaluator(seed: 5)
    var seen: Set<String> = []
    for _ in 0..<200 { seen.insert(try evaluate("States.MathRandom(-2, 3)")) }
    #expect(seen == ["-2", "-1", "0", "1", "2"])
    for seed in [0, -1, -9_223_372_036_854_775_808, 12] {
      let call = "States.MathRandom(1, 1000000, \(seed))"
      #expect(try evaluate(call) == evaluate(call))
    }
  }
}

/// Proves the random source: repeatable, within bounds, all results reached.
@Suite struct RandomSourceTests {
  @Test func sameSeedSameNumbers() {
    var a = RandomSource(seed: 0)
    var b = RandomSource(seed: 0)
    var c = RandomSource(seed: 1)
    for _ in 0..<10 {
      let number = a.next()
      #expect(number == b.next())
      #expect(number != c.next())
    }
  }

  @Test func boundsHold() {
    var random = RandomSource(seed: 7)
    var counts = [Int](repeating: 0, count: 10)
    for _ in 0..<10_000 {
      counts[Int(random.below(10))] += 1
      let fraction = random.double()
      #expect(fraction >= 0 && fraction < 1)
      #expect(random.below(1) == 0)
      #expect(random.below(.max) < .max)
    }
    #expect(counts.allSatisfy { $0 > 800 && $0 < 1200 })
  }
}
