import Testing

@testable import Stepmill

/// Proves the expressions whose results are known from the reference implementation, each
/// on the same small document.
@Suite struct JSONataExpressionTests {
  enum Expected: Sendable {
    case value(String)
    case undefined
    /// An error, and how its message begins.
    case error(JSONataCode, String)
  }

  static let document = #"""
    {"n":5,"name":"Ada Lovelace","tags":["x","y","x"],"empty":[],"nul":null,"one":[7],
     "orders":[{"id":"o1","qty":2,"price":3.5,"lines":[{"sku":"A","n":1},{"sku":"B","n":4}]},
               {"id":"o2","qty":1,"price":10,"lines":[{"sku":"A","n":3}]},
               {"id":"o3","qty":7,"price":0.25,"lines":[]}],
     "addr":{"city":"Oslo","zip":"0150"},"deep":{"a":{"b":{"c":1}},"d":{"c":2}}}
    """#

  static let rows: [(expression: String, expected: Expected)] = [
    // paths
    (#"$states.input.name"#, .value(#""Ada Lovelace""#)),
    (#"$states.input.nope"#, .undefined),
    (#"$states.input.nope.deeper"#, .undefined),
    (#"$states.input.nul"#, .value(#"null"#)),
    (#"$states.input.nul.x"#, .undefined),
    (#"$states.input.n.x"#, .undefined),
    (#"$states.input.one"#, .value(#"[7]"#)),
    (#"$states.input.one[0]"#, .value(#"7"#)),
    (#"$states.input.tags[0]"#, .value(#""x""#)),
    (#"$states.input.tags[-1]"#, .value(#""x""#)),
    (#"$states.input.tags[9]"#, .undefined),
    (#"$states.input.tags[1.9]"#, .value(#""y""#)),
    (#"$states.input.tags[[0,2]]"#, .value(#"["x","x"]"#)),
    (#"$states.input.tags[[0..1]]"#, .value(#"["x","y"]"#)),
    (#"$states.input.tags[$ = "x"]"#, .value(#"["x","x"]"#)),
    (#"$states.input.tags[$ = "y"]"#, .value(#""y""#)),
    (#"$states.input.tags[$ = "y"][]"#, .value(#"["y"]"#)),
    (#"$states.input.tags[$ = "q"]"#, .undefined),
    (#"$states.input.empty"#, .value(#"[]"#)),
    (#"$states.input.empty.x"#, .undefined),
    (#"$states.input.empty[0]"#, .undefined),
    (#"$states.input.orders.id"#, .value(#"["o1","o2","o3"]"#)),
    (#"$states.input.orders.lines.sku"#, .value(#"["A","B","A"]"#)),
    (#"$states.input.orders.lines"#, .value(#"[{"sku":"A","n":1},{"sku":"B","n":4},{"sku":"A","n":3}]"#)),
    (#"$states.input.orders[qty > 1].id"#, .value(#"["o1","o3"]"#)),
    (#"$states.input.orders[qty > 5].id"#, .value(#""o3""#)),
    (#"$states.input.orders[qty > 5].id[]"#, .value(#"["o3"]"#)),
    (#"$states.input.orders[].id"#, .value(#"["o1","o2","o3"]"#)),
    (#"$states.input.orders[0].lines[0].sku"#, .value(#""A""#)),
    (#"$states.input.orders.lines[0].sku"#, .value(#"["A","A"]"#)),
    (#"($states.input.orders.lines)[0].sku"#, .value(#""A""#)),
    (#"$states.input.orders[lines].id"#, .value(#"["o1","o2"]"#)),
    (#"$states.input.orders[id="o1" and qty=2].price"#, .value(#"3.5"#)),
    (#"$states.input.addr.*"#, .value(#"["Oslo","0150"]"#)),
    (#"$states.input.deep.**.c"#, .value(#"[1,2]"#)),
    (#"$states.input.orders.(qty * price)"#, .value(#"[7,10,1.75]"#)),
    (#"$states.input.orders^(price).id"#, .value(#"["o3","o1","o2"]"#)),
    (#"$states.input.orders^(>qty, id).id"#, .value(#"["o3","o1","o2"]"#)),
    (#"$states.input.orders{id: qty}"#, .value(#"{"o1":2,"o2":1,"o3":7}"#)),
    (#"$states.input.orders.lines{sku: $sum(n)}"#, .value(#"{"A":4,"B":4}"#)),
    (#"$states.input.orders.lines{sku: n}"#, .value(#"{"A":[1,3],"B":4}"#)),
    (
      #"$states.input.orders.{"k": id, "big": qty > 1}"#,
      .value(#"[{"k":"o1","big":true},{"k":"o2","big":false},{"k":"o3","big":true}]"#)
    ),
    (#"$states.input.orders.[id, qty]"#, .value(#"[["o1",2],["o2",1],["o3",7]]"#)),
    (#"[$states.input.orders.id, "z"]"#, .value(#"["o1","o2","o3","z"]"#)),
    (
      #"$states.input.orders#$i.{"i": $i, "id": id}"#,
      .value(#"[{"i":0,"id":"o1"},{"i":1,"id":"o2"},{"i":2,"id":"o3"}]"#)
    ),
    (
      #"$states.input.orders.lines.{"sku": sku, "order": %.id}"#,
      .value(#"[{"sku":"A","order":"o1"},{"sku":"B","order":"o1"},{"sku":"A","order":"o2"}]"#)
    ),
    (
      #"$states.input.orders@$o.$o.lines@$l[$l.n > 2].{"o": $o.id, "s": $l.sku}"#,
      .value(#"[{"o":"o1","s":"B"},{"o":"o2","s":"A"}]"#)
    ),
    (#"$states.input.'name'"#, .value(#""Ada Lovelace""#)),
    (#"$states.input.`name`"#, .value(#""Ada Lovelace""#)),
    (#"$states.input.("addr")"#, .value(#""addr""#)),
    (#"$v.k[1]"#, .value(#"2"#)),
    (#"$undefinedVar"#, .undefined),
    (#"$undefinedVar.x"#, .undefined),
    // literals and operators
    (#""a" & 1 & true & null & [1,2] & {"k":1}"#, .value(#""a1truenull[1,2]{\"k\":1}""#)),
    (#""a" & $states.input.nope"#, .value(#""a""#)),
    (#"1 + 2 * 3"#, .value(#"7"#)),
    (#"7 % 3"#, .value(#"1"#)),
    (#"-7 % 3"#, .value(#"-1"#)),
    (#"7 / 2"#, .value(#"3.5"#)),
    (#"1 / 0"#, .value(#""Infinity""#)),
    (#"5 + $states.input.nope"#, .undefined),
    (#"5 + "1""#, .error(.t2002, #"The right side of the "+" operator must evaluate to a number"#)),
    (#"5 + null"#, .error(.t2002, #"The right side of the "+" operator must evaluate to a number"#)),
    (#"-$states.input.n"#, .value(#"-5"#)),
    (#"-"x""#, .error(.d1002, #"Cannot negate a non-numeric value: "x""#)),
    (#"1 = 1.0"#, .value(#"true"#)),
    (#""1" = 1"#, .value(#"false"#)),
    (#"[1,2] = [1,2]"#, .value(#"true"#)),
    (#"{"a":1,"b":2} = {"b":2,"a":1}"#, .value(#"true"#)),
    (#"null = $states.input.nope"#, .value(#"false"#)),
    (#"$states.input.nope = $states.input.nope"#, .value(#"false"#)),
    (#"$states.input.nope != 1"#, .value(#"false"#)),
    (#"1 < 2"#, .value(#"true"#)),
    (#""a" < "b""#, .value(#"true"#)),
    (
      #""a" < 1"#,
      .error(.t2009, #"The values "a" and 1 either side of operator "<" must be of the same data type"#)
    ),
    (
      #"null < 1"#,
      .error(
        .t2010, #"The expressions either side of operator "<" must evaluate to numeric or string values"#)
    ),
    (#"$states.input.nope < 1"#, .undefined),
    (
      #"true < false"#,
      .error(
        .t2010, #"The expressions either side of operator "<" must evaluate to numeric or string values"#)
    ),
    (#"1 in [1,2]"#, .value(#"true"#)),
    (#""x" in $states.input.tags"#, .value(#"true"#)),
    (#""x" in "x""#, .value(#"true"#)),
    (#"$states.input.nope in [1]"#, .value(#"false"#)),
    (#"[1..5]"#, .value(#"[1,2,3,4,5]"#)),
    (#"[3..1]"#, .value(#"[]"#)),
    (#"[3..3]"#, .value(#"[3]"#)),
    (#"[1.5..3]"#, .error(.t2003, #"The left side of the range operator (..) must evaluate to an integer"#)),
    (#"["a", 1..3, "b"]"#, .value(#"["a",1,2,3,"b"]"#)),
    (#"[1..3].($ * 2)"#, .value(#"[2,4,6]"#)),
    (#"true and "x""#, .value(#"true"#)),
    (#"0 or """#, .value(#"false"#)),
    (#""" or 3"#, .value(#"true"#)),
    (#"$states.input.nope and true"#, .value(#"false"#)),
    (#"$states.input.nope or true"#, .value(#"true"#)),
    (#"$states.input.n > 3 ? "hi" : "lo""#, .value(#""hi""#)),
    (#"$states.input.n > 9 ? "hi""#, .undefined),
    (#"$states.input.nope ? 1 : 2"#, .value(#"2"#)),
    (#"$states.input.nope ?? "d""#, .value(#""d""#)),
    (#"$states.input.nul ?? "d""#, .value(#"null"#)),
    (#"$states.input.nul ?: "d""#, .value(#""d""#)),
    (#""" ?: "d""#, .value(#""d""#)),
    (#"($a := 2; $b := $a * 3; $a + $b)"#, .value(#"8"#)),
    (#"($a := 2)"#, .value(#"2"#)),
    (#"()"#, .undefined),
    (#"($a := 1; ($a := 2; $a); $a)"#, .value(#"1"#)),
    (#"function($x, $y){ $x - $y }(5, 3)"#, .value(#"2"#)),
    (#"($f := function($n){ $n <= 1 ? 1 : $n * $f($n - 1) }; $f(5))"#, .value(#"120"#)),
    (#"($add := function($a,$b){$a+$b}; $inc := $add(1, ?); $inc(4))"#, .value(#"5"#)),
    (#"(λ($x){$x*2})(4)"#, .value(#"8"#)),
    (#""  a b " ~> $trim ~> $uppercase"#, .value(#""A B""#)),
    (#"($up := $trim ~> $uppercase; $up("  q "))"#, .value(#""Q""#)),
    (#"$states.input.addr ~> |$|{"zip": "1"}, "city"|"#, .value(#"{"zip":"1"}"#)),
    (#"{"a": 1, "b": $states.input.nope}"#, .value(#"{"a":1}"#)),
    (#"{"a": null}"#, .value(#"{"a":null}"#)),
    (#"[1, $states.input.nope, 3]"#, .value(#"[1,3]"#)),
    (#"[$states.input.empty]"#, .value(#"[]"#)),
    (#"[[1,2],[3]]"#, .value(#"[[1,2],[3]]"#)),
    (#"[[1]]"#, .value(#"[[1]]"#)),
    (#"[1]"#, .value(#"[1]"#)),
    (#"{"k": [$states.input.one]}"#, .value(#"{"k":[7]}"#)),
    (#"{$states.input.name: 1}"#, .value(#"{"Ada Lovelace":1}"#)),
    (#"{1: 2}"#, .error(.t1003, #"Key in object structure must evaluate to a string; got: 1"#)),
    (#"/* c */ 1"#, .value(#"1"#)),
    (#"$map([1], function($v){$v})"#, .value(#"1"#)),
    (#"$filter([1,2,3], function($v){$v > 2})"#, .value(#"3"#)),
    (#"[$filter([1,2,3], function($v){$v > 2})]"#, .value(#"[3]"#)),
    (#"$map($states.input.empty, function($v){$v})"#, .undefined),
    // string
    (#"$string(5)"#, .value(#""5""#)),
    (#"$string(1.50)"#, .value(#""1.5""#)),
    (#"$string(0.1 + 0.2)"#, .value(#""0.3""#)),
    (#"$string(1e21)"#, .value(#""1e+21""#)),
    (#"$string({"a":[1,null]})"#, .value(#""{\"a\":[1,null]}""#)),
    (#"$string([])"#, .value(#""[]""#)),
    (#"$string({"a":1}, true)"#, .value(#""{\n  \"a\": 1\n}""#)),
    (#"$string($sum)"#, .value(#""""#)),
    (#"$string()"#, .value(#""{}""#)),
    (#"$length("h\u00e9llo")"#, .value(#"5"#)),
    (#"$length("")"#, .value(#"0"#)),
    (#"$length($states.input.nope)"#, .undefined),
    (#"$length(5)"#, .error(.t0410, #"Argument 1 of function "length" does not match function signature"#)),
    (#"$substring("workflow", 4)"#, .value(#""flow""#)),
    (#"$substring("workflow", -4, 2)"#, .value(#""fl""#)),
    (#"$substring("workflow", 2, 0)"#, .value(#""""#)),
    (#"$substring("workflow", -99, 3)"#, .value(#""wor""#)),
    (#"$substring("workflow", 20)"#, .value(#""""#)),
    (#"$substringBefore("a-b-c", "-")"#, .value(#""a""#)),
    (#"$substringBefore("abc", "-")"#, .value(#""abc""#)),
    (#"$substringAfter("a-b-c", "-")"#, .value(#""b-c""#)),
    (#"$substringAfter("abc", "-")"#, .value(#""abc""#)),
    (#"$uppercase("Mixed")"#, .value(#""MIXED""#)),
    (#"$lowercase("Mixed")"#, .value(#""mixed""#)),
    (#"$trim("  a \n  b ")"#, .value(#""a b""#)),
    (#"$pad("ab", 5)"#, .value(#""ab   ""#)),
    (#"$pad("ab", -5, "0")"#, .value(#""000ab""#)),
    (#"$pad("ab", 7, "xy")"#, .value(#""abxyxyx""#)),
    (#"$contains("pipeline", "pipe")"#, .value(#"true"#)),
    (#"$contains("pipeline", /PIPE/i)"#, .value(#"true"#)),
    (#"$split("a,b,,c", ",")"#, .value(#"["a","b","","c"]"#)),
    (#"$split("a,b,,c", ",", 2)"#, .value(#"["a","b"]"#)),
    (#"$split("abc", "")"#, .value(#"["a","b","c"]"#)),
    (#"$split("a1b22c", /[0-9]+/)"#, .value(#"["a","b","c"]"#)),
    (#"$split("", ",")"#, .value(#"[""]"#)),
    (
      #"$split("a,b", ",", -1)"#,
      .error(.d3020, #"Third argument of split function must evaluate to a positive number"#)
    ),
    (#"$join(["a","b"], "-")"#, .value(#""a-b""#)),
    (#"$join(["a","b"])"#, .value(#""ab""#)),
    (#"$join("a")"#, .value(#""a""#)),
    (#"$join([1,2])"#, .error(.t0412, #"Argument 1 of function "join" must be an array of "strings""#)),
    (#"$join([])"#, .value(#""""#)),
    (
      #"$match("a1b22", /[a-z]([0-9]+)/)"#,
      .value(#"[{"match":"a1","index":0,"groups":["1"]},{"match":"b22","index":2,"groups":["22"]}]"#)
    ),
    (#"$match("zzz", /[0-9]/)"#, .undefined),
    (#"$match("a1b22", /[0-9]+/, 1)"#, .value(#"{"match":"1","index":1,"groups":[]}"#)),
    (#"$replace("a.b.c", ".", "-")"#, .value(#""a-b-c""#)),
    (#"$replace("a.b.c", ".", "-", 1)"#, .value(#""a-b.c""#)),
    (#"$replace("2024-06", /(\d+)-(\d+)/, "$2/$1")"#, .value(#""06/2024""#)),
    (#"$replace("cost 5", /\d/, "$$$0")"#, .value(#""cost $5""#)),
    (#"$replace("ab", /[ab]/, function($m){ $uppercase($m.match) & "!" })"#, .value(#""A!B!""#)),
    (
      #"$replace("abc", "", "x")"#,
      .error(.d3010, #"Second argument of replace function cannot be an empty string"#)
    ),
    (#"$base64encode("hello")"#, .value(#""aGVsbG8=""#)),
    (#"$base64decode("aGVsbG8=")"#, .value(#""hello""#)),
    (#"$encodeUrlComponent("a b&c/é")"#, .value(#""a%20b%26c%2F%C3%A9""#)),
    (#"$encodeUrl("https://e.x/a b?q=é")"#, .value(#""https://e.x/a%20b?q=%C3%A9""#)),
    (#"$decodeUrlComponent("a%20b%26c")"#, .value(#""a b&c""#)),
    (#"$decodeUrl("https://e.x/a%20b")"#, .value(#""https://e.x/a b""#)),
    // numbers
    (#"$number("12")"#, .value(#"12"#)),
    (#"$number("0x1F")"#, .value(#"31"#)),
    (#"$number("0b101")"#, .value(#"5"#)),
    (#"$number("1e3")"#, .value(#"1000"#)),
    (#"$number(" 12")"#, .error(.d3030, #"Unable to cast value to a number: " 12""#)),
    (#"$number("")"#, .error(.d3030, #"Unable to cast value to a number: """#)),
    (#"$number(true)"#, .value(#"1"#)),
    (
      #"$number(null)"#, .error(.t0410, #"Argument 1 of function "number" does not match function signature"#)
    ),
    (#"$number("abc")"#, .error(.d3030, #"Unable to cast value to a number: "abc""#)),
    (#"$abs(-3)"#, .value(#"3"#)),
    (#"$floor(-2.5)"#, .value(#"-3"#)),
    (#"$ceil(-2.5)"#, .value(#"-2"#)),
    (#"$round(2.5)"#, .value(#"2"#)),
    (#"$round(3.5)"#, .value(#"4"#)),
    (#"$round(-2.5)"#, .value(#"-2"#)),
    (#"$round(1.005, 2)"#, .value(#"1"#)),
    (#"$round(1250, -2)"#, .value(#"1200"#)),
    (#"$power(2, 10)"#, .value(#"1024"#)),
    (
      #"$power(0, -1)"#,
      .error(
        .d3061,
        #"The power function has resulted in a value that cannot be represented as a JSON number: base=0, exponent=-1"#
      )
    ),
    (#"$sqrt(9)"#, .value(#"3"#)),
    (#"$sqrt(-1)"#, .error(.d3060, #"The sqrt function cannot be applied to a negative number: -1"#)),
    (##"$formatNumber(1234.5, "#,##0.00")"##, .value(#""1,234.50""#)),
    (#"$formatNumber(0.256, "0%")"#, .value(#""26%""#)),
    (#"$formatNumber(-7, "000")"#, .value(#""-007""#)),
    (#"$formatNumber(1234.5678, "0.00e0")"#, .value(#""1.23e3""#)),
    (#"$formatBase(255, 16)"#, .value(#""ff""#)),
    (#"$formatBase(255)"#, .value(#""255""#)),
    (
      #"$formatBase(5, 1)"#,
      .error(.d3100, #"The radix of the formatBase function must be between 2 and 36.  It was given 1"#)
    ),
    (#"$formatInteger(2024, "w")"#, .value(#""two thousand and twenty-four""#)),
    (#"$formatInteger(14, "I")"#, .value(#""XIV""#)),
    (#"$formatInteger(28, "A")"#, .value(#""AB""#)),
    (#"$formatInteger(3, "1;o")"#, .value(#""3rd""#)),
    (##"$formatInteger(12345, "#,##0")"##, .value(#""12,345""#)),
    (#"$parseInteger("MMXXIV", "I")"#, .value(#"2024"#)),
    (##"$parseInteger("1,234", "#,##0")"##, .value(#"1234"#)),
    // aggregation
    (#"$sum([1,2,3])"#, .value(#"6"#)),
    (#"$sum([])"#, .value(#"0"#)),
    (#"$sum(5)"#, .value(#"5"#)),
    (#"$sum(["1"])"#, .error(.t0412, #"Argument 1 of function "sum" must be an array of "numbers""#)),
    (#"$sum($states.input.nope)"#, .undefined),
    (#"$max([3,9,2])"#, .value(#"9"#)),
    (#"$max([])"#, .undefined),
    (#"$min([3,9,2])"#, .value(#"2"#)),
    (#"$average([1,2,4])"#, .value(#"2.3333333333333335"#)),
    (#"$average([])"#, .undefined),
    (#"$count([1,2])"#, .value(#"2"#)),
    (#"$count($states.input.nope)"#, .value(#"0"#)),
    (#"$count(null)"#, .value(#"1"#)),
    (#"$count("abc")"#, .value(#"1"#)),
    // boolean
    (#"$boolean("")"#, .value(#"false"#)),
    (#"$boolean("false")"#, .value(#"true"#)),
    (#"$boolean([])"#, .value(#"false"#)),
    (#"$boolean([0,0])"#, .value(#"false"#)),
    (#"$boolean([0,1])"#, .value(#"true"#)),
    (#"$boolean({})"#, .value(#"false"#)),
    (#"$boolean($sum)"#, .value(#"false"#)),
    (#"$boolean($states.input.nope)"#, .undefined),
    (#"$not(0)"#, .value(#"true"#)),
    (#"$not($states.input.nope)"#, .undefined),
    (#"$exists($states.input.nul)"#, .value(#"true"#)),
    (#"$exists($states.input.nope)"#, .value(#"false"#)),
    // arrays
    (#"$append([1],[2,3])"#, .value(#"[1,2,3]"#)),
    (#"$append(1,2)"#, .value(#"[1,2]"#)),
    (#"$append($states.input.nope, 1)"#, .value(#"1"#)),
    (#"$sort([3,1,2])"#, .value(#"[1,2,3]"#)),
    (#"$sort(["b","A","a"])"#, .value(#"["A","a","b"]"#)),
    (#"$sort([{"k":2},{"k":1}], function($l,$r){ $l.k > $r.k })"#, .value(#"[{"k":1},{"k":2}]"#)),
    (
      #"$sort([1,"a"])"#,
      .error(
        .d3070,
        #"The single argument form of the sort function can only be applied to an array of strings or an array of number"#
      )
    ),
    (
      #"$sort([{"k":1},{"k":2}])"#,
      .error(
        .d3070,
        #"The single argument form of the sort function can only be applied to an array of strings or an array of number"#
      )
    ),
    (#"$reverse([1,2,3])"#, .value(#"[3,2,1]"#)),
    (#"$distinct([1,"1",1,{"a":1},{"a":1}])"#, .value(#"[1,"1",{"a":1}]"#)),
    (#"$distinct([5])"#, .value(#"[5]"#)),
    (#"$zip([1,2,3],["a","b"])"#, .value(#"[[1,"a"],[2,"b"]]"#)),
    (#"$zip([1])"#, .value(#"[[1]]"#)),
    (#"$count($shuffle([1,2,3]))"#, .value(#"3"#)),
    // objects
    (#"$keys({"a":1,"b":2})"#, .value(#"["a","b"]"#)),
    (#"$keys({"a":1})"#, .value(#""a""#)),
    (#"$keys({})"#, .undefined),
    (#"$keys([{"a":1},{"b":2},{"a":3}])"#, .value(#"["a","b"]"#)),
    (#"$lookup({"a":1},"a")"#, .value(#"1"#)),
    (#"$lookup([{"a":1},{"a":2}],"a")"#, .value(#"[1,2]"#)),
    (#"$lookup({"a":1},"z")"#, .undefined),
    (#"$spread({"a":1,"b":2})"#, .value(#"[{"a":1},{"b":2}]"#)),
    (#"$spread({"a":1})"#, .value(#"{"a":1}"#)),
    (#"$merge([{"a":1,"b":1},{"b":2}])"#, .value(#"{"a":1,"b":2}"#)),
    (#"$merge([])"#, .value(#"{}"#)),
    (#"$merge({"a":1})"#, .value(#"{"a":1}"#)),
    (#"$sift({"a":1,"b":5}, function($v,$k){ $v > 2 })"#, .value(#"{"b":5}"#)),
    (#"$sift({"a":1}, function($v){ $v > 2 })"#, .undefined),
    (#"$each({"a":1,"b":2}, function($v,$k){ $k & "=" & $v })"#, .value(#"["a=1","b=2"]"#)),
    (#"$type(null)"#, .value(#""null""#)),
    (#"$type([])"#, .value(#""array""#)),
    (#"$type($states.input.nope)"#, .undefined),
    (#"$type($sum)"#, .value(#""function""#)),
    (#"$clone({"a":1})"#, .value(#"{"a":1}"#)),
    (#"$error("boom")"#, .error(.d3137, #"boom"#)),
    (#"$error()"#, .error(.d3137, #"$error() function evaluated"#)),
    (#"$assert(1=2, "nope")"#, .error(.d3141, #"nope"#)),
    (#"$assert(1=2)"#, .error(.d3141, #"$assert() statement failed"#)),
    (#"$assert(true)"#, .undefined),
    (#"$assert("x")"#, .error(.t0410, #"Argument 1 of function "assert" does not match function signature"#)),
    // higher order
    (#"$map([1,2,3], function($v,$i,$a){ $v * $i + $count($a) })"#, .value(#"[3,5,9]"#)),
    (#"$map([1,2,3], function($v){ $v = 2 ? $v })"#, .value(#"2"#)),
    (#"$map([5], function($v){ $v + 1 })"#, .value(#"6"#)),
    (#"$map(["a"], $uppercase)"#, .value(#""A""#)),
    (#"$filter([1,2,3,4], function($v){ $v % 2 = 0 })"#, .value(#"[2,4]"#)),
    (#"$filter([1,2,3], function($v){ $v > 9 })"#, .undefined),
    (#"$single([1,2,3], function($v){ $v = 2 })"#, .value(#"2"#)),
    (
      #"$single([1,2,3], function($v){ $v > 1 })"#,
      .error(.d3138, #"The $single() function expected exactly 1 matching result.  Instead it matched more."#)
    ),
    (
      #"$single([1,2,3], function($v){ $v > 9 })"#,
      .error(.d3139, #"The $single() function expected exactly 1 matching result.  Instead it matched 0."#)
    ),
    (#"$reduce([1,2,3], function($acc,$v){ $acc + $v })"#, .value(#"6"#)),
    (#"$reduce([1,2,3], function($acc,$v){ $acc + $v }, 10)"#, .value(#"16"#)),
    (#"$reduce([], function($acc,$v){ $acc + $v })"#, .undefined),
    (#"$reduce([], function($acc,$v){ $acc + $v }, 0)"#, .value(#"0"#)),
    (
      #"$reduce([1], function($x){ $x })"#,
      .error(
        .d3050, #"The second argument of reduce function must be a function with at least two arguments"#)
    ),
    // date-time
    (#"$toMillis("2024-03-01T00:00:00Z")"#, .value(#"1709251200000"#)),
    (#"$toMillis("2024-03-01")"#, .value(#"1709251200000"#)),
    (#"$toMillis("2024-03-01T01:00:00+01:00")"#, .value(#"1709251200000"#)),
    (
      #"$toMillis("nope")"#,
      .error(
        .d3110,
        #"The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "nope""#)
    ),
    (#"$toMillis("01/03/2024", "[D01]/[M01]/[Y0001]")"#, .value(#"1709251200000"#)),
    (#"$fromMillis(0)"#, .value(#""1970-01-01T00:00:00.000Z""#)),
    (#"$fromMillis(1709251200123)"#, .value(#""2024-03-01T00:00:00.123Z""#)),
    (
      #"$fromMillis(1709251200123, "[Y0001]-[M01]-[D01] [H01]:[m01]:[s01].[f001] [Z]", "+0530")"#,
      .value(#""2024-03-01 05:30:00.123 +05:30""#)
    ),
    (#"$fromMillis(1709251200123, "[FNn], [D1o] [MNn] [Y]")"#, .value(#""Friday, 1st March 2024""#)),
    (#"$fromMillis(1709251200123, "[Y]-W[W01]-[F1] [h#1][P]")"#, .value(#""2024-W09-5 12am""#)),
    (#"$millis() = $millis()"#, .value(#"true"#)),
    (#"$fromMillis(1709251200123, "[Y]")"#, .value(#""2024""#)),
    (
      #"$fromMillis(1709251200123, "[M]|[D]|[d]|[F]|[W]|[w]|[H]|[h]|[P]|[m]|[s]|[f]|[Z]|[z]|[C]|[E]|[X]|[x]")"#,
      .value(#""3|1|61|friday|9|5|0|12|am|00|00|123|+00:00|GMT+00:00|ISO|ISO|2024|2""#)
    ),
    (
      #"$fromMillis(1709251200123, "[M01]/[Dwo] [MN,*-3] [FNn,3-3] [Y,2-2] [PN] [[x]]")"#,
      .value(#""03/first MAR Fri 24 AM [x]""#)
    ),
    (#"$fromMillis(1709251200123, "[H]:[m]", "-0330")"#, .value(#""19:30""#)),
    (##"$formatNumber(0.5, "#.00")"##, .value(#"".50""#)),
    (#"$formatNumber(-1.5, "0.0;(0.0)")"#, .value(#""(1.5)""#)),
    (##"$formatNumber(1234567, "#,###")"##, .value(#""1,234,567""#)),
    (#"$formatNumber(0.0256, "0.0‰")"#, .value(#""25.6‰""#)),
    (#"$formatInteger(0, "w")"#, .value(#""zero""#)),
    (#"$formatInteger(21, "Ww")"#, .value(#""Twenty-One""#)),
    (#"$formatInteger(21, "W")"#, .value(#""TWENTY-ONE""#)),
    (
      #"$formatInteger(21, "wo")"#,
      .error(
        .d3130,
        #"Formatting or parsing an integer as a sequence starting with "wo" is not supported by this implementation"#
      )
    ),
    (#"$formatInteger(27, "a")"#, .value(#""aa""#)),
    (#"$formatInteger(7, "000")"#, .value(#""007""#)),
    (#"$formatInteger(-5, "1")"#, .value(#""-5""#)),
    (#"$parseInteger("twenty-one", "w")"#, .value(#"21"#)),
    (
      #"$toMillis("2024-W09-5", "[X]-W[W01]-[F1]")"#,
      .error(.d3136, #"The date/time picture string is missing specifiers required to parse the timestamp"#)
    ),
    // guards
    (
      #"$uppercase()"#,
      .error(.t0411, #"Context value is not a compatible type with argument 1 of function "uppercase""#)
    ),
    (
      #"$uppercase(1)"#,
      .error(.t0410, #"Argument 1 of function "uppercase" does not match function signature"#)
    ),
    (#"$sum(1,2)"#, .error(.t0410, #"Argument 2 of function "sum" does not match function signature"#)),
    (#"$nosuch(1)"#, .error(.t1006, #"Attempted to invoke a non-function"#)),
    (#""x"(1)"#, .error(.t1006, #"Attempted to invoke a non-function"#)),
    (
      #"[1..10000001]"#,
      .error(
        .d2014,
        #"The size of the sequence allocated by the range operator (..) must not exceed 1e7.  Attempted to allocate 1000"#
      )
    ),
  ]

  /// With `$states` as one variable, and with `$states.input` as a variable of its own.
  @Test(arguments: [false, true]) func results(split: Bool) {
    for (expression, expected) in Self.rows {
      let bench = JSONataBench()
      bench.options.laterOperators = true
      let document = bench.parse(Self.document.utf8)
      let states = bench.parse("{\"input\":\(Self.document)}".utf8)
      if split { bench.options.split = ["states"] }
      let outcome = bench.run(
        expression, input: bench.parse("{}".utf8),
        variables: ["states": states, "states.input": document, "v": bench.parse(#"{"k":[1,2]}"#.utf8)])
      switch expected {
      case .undefined: #expect(outcome == .undefined, "\(expression)")
      case .value(let text):
        let wanted = JSONataBench.print(bench.parse(text.utf8))
        #expect(outcome.description == wanted, "\(expression)")
      case .error(let code, let message):
        guard case .failed(let error) = outcome else {
          Issue.record("\(expression): \(outcome)")
          continue
        }
        #expect(error.code == code, "\(expression)")
        #expect(error.message.hasPrefix(message), "\(expression): \(error.message)")
      }
    }
  }
}
