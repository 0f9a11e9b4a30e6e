// What can be wrong with an expression, and how it is said.
//
// Codes and texts are the reference implementation's. A text names its inserts in double
// braces (printed as JSON) or triple ones (printed as they are). Three codes stand for
// the guard rails of an evaluation; their texts are those that Step Functions prints.

/// An expression that does not parse, or whose evaluation failed.
struct JSONataError: Error, Hashable, Sendable {
  var code: JSONataCode
  /// UTF-16 units before the end of the token in question.
  var position: Int?
  /// The operator, name or piece of text in question.
  var token: String?
  /// What is inserted for `value` and `value2`: JSON text.
  var value: String?
  var value2: String?
  /// Which argument is in question, counted from one.
  var index: Int?
  /// Other inserts: the type of an array's elements, an exponent, a function's name.
  var detail: String?
  /// The text itself, where an expression raised the error by `$error` or `$assert`.
  var text: String?

  init(
    _ code: JSONataCode, position: Int? = nil, token: String? = nil, value: String? = nil,
    value2: String? = nil, index: Int? = nil, detail: String? = nil, text: String? = nil
  ) {
    self.code = code
    self.position = position
    self.token = token
    self.value = value
    self.value2 = value2
    self.index = index
    self.detail = detail
    self.text = text
  }

  /// The text of the catalogue with its inserts filled in.
  var message: String {
    var result = ""
    var rest = code.template[...]
    while let open = rest.firstIndex(of: "{") {
      guard let close = rest[open...].firstIndex(of: "}") else { break }
      result += rest[..<open]
      let raw = rest[open...].hasPrefix("{{{")
      result += insert(String(rest[open..<close].drop { $0 == "{" }), raw: raw)
      rest = rest[close...].drop { $0 == "}" }
    }
    return result + rest
  }

  private func insert(_ name: String, raw: Bool) -> String {
    switch name {
    case "token":
      guard let token else { return "undefined" }
      return raw ? token : JSONataError.quoted(token)
    case "value": return value ?? "undefined"
    case "value2": return value2 ?? "undefined"
    case "index": return index.map(String.init) ?? "undefined"
    case "message": return text ?? ""
    case "type":
      guard let detail else { return "undefined" }
      return raw ? detail : JSONataError.quoted(detail)
    default: return detail ?? "undefined"
    }
  }

  /// A text between quotes, escaped as JSON.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}

enum JSONataCode: String, Sendable {
  case S0101, S0102, S0103, S0104, S0105, S0106
  case S0201, S0202, S0203, S0204, S0205, S0206, S0207, S0208, S0209, S0210
  case S0211, S0212, S0213, S0214, S0215, S0216, S0217
  case S0301, S0302, S0303, S0401, S0402
  case T0410, T0411, T0412
  case D1001, D1002, T1003, D1004, T1005, T1006, T1007, T1008, D1009, T1010
  case T2001, T2002, T2003, T2004, T2006, T2007, T2008, T2009, T2010, T2011, T2012, T2013, D2014
  case D3001, D3010, D3011, D3012, D3020, D3030, D3040, D3050, D3060, D3061, D3070
  case D3080, D3081, D3082, D3083, D3084, D3085, D3086, D3087, D3088, D3089
  case D3090, D3091, D3092, D3093, D3100, D3110
  case D3130, D3131, D3132, D3133, D3134, D3135, D3136, D3137, D3138, D3139, D3140, D3141
  /// Guard rail: nested too deeply.
  case D1011
  /// Guard rail: took too long, or too many steps.
  case D1012
  /// Guard rail: built too much.
  case D2015

  /// True for the limits of an evaluation, which Step Functions reports without a code.
  var isGuardRail: Bool { self == .D1011 || self == .D1012 || self == .D2015 }

  var template: String {
    switch self {
    case .S0101: "String literal must be terminated by a matching quote"
    case .S0102: "Number out of range: {{token}}"
    case .S0103: "Unsupported escape sequence: \\{{token}}"
    case .S0104: "The escape sequence \\u must be followed by 4 hex digits"
    case .S0105: "Quoted property name must be terminated with a backquote (`)"
    case .S0106: "Comment has no closing tag"
    case .S0201: "Syntax error: {{token}}"
    case .S0202: "Expected {{value}}, got {{token}}"
    case .S0203: "Expected {{value}} before end of expression"
    case .S0204: "Unknown operator: {{token}}"
    case .S0205: "Unexpected token: {{token}}"
    case .S0206: "Unknown expression type: {{token}}"
    case .S0207: "Unexpected end of expression"
    case .S0208: "Parameter {{value}} of function definition must be a variable name (start with $)"
    case .S0209: "A predicate cannot follow a grouping expression in a step"
    case .S0210: "Each step can only have one grouping expression"
    case .S0211: "The symbol {{token}} cannot be used as a unary operator"
    case .S0212: "The left side of := must be a variable name (start with $)"
    case .S0213: "The literal value {{value}} cannot be used as a step within a path expression"
    case .S0214: "The right side of {{token}} must be a variable name (start with $)"
    case .S0215: "A context variable binding must precede any predicates on a step"
    case .S0216: "A context variable binding must precede the 'order-by' clause on a step"
    case .S0217: "The object representing the 'parent' cannot be derived from this expression"
    case .S0301: "Empty regular expressions are not allowed"
    case .S0302: "No terminating / in regular expression"
    case .S0303: "Invalid regular expression: {{{detail}}}"
    case .S0401: "Type parameters can only be applied to functions and arrays"
    case .S0402: "Choice groups containing parameterized types are not supported"
    case .T0410: "Argument {{index}} of function {{token}} does not match function signature"
    case .T0411: "Context value is not a compatible type with argument {{index}} of function {{token}}"
    case .T0412: "Argument {{index}} of function {{token}} must be an array of {{type}}"
    case .D1001: "Number out of range: {{value}}"
    case .D1002: "Cannot negate a non-numeric value: {{value}}"
    case .T1003: "Key in object structure must evaluate to a string; got: {{value}}"
    case .D1004: "Regular expression matches zero length string"
    case .T1005: "Attempted to invoke a non-function. Did you mean ${{{token}}}?"
    case .T1006: "Attempted to invoke a non-function"
    case .T1007: "Attempted to partially apply a non-function. Did you mean ${{{token}}}?"
    case .T1008: "Attempted to partially apply a non-function"
    case .D1009: "Multiple key definitions evaluate to same key: {{value}}"
    case .T1010:
      "The matcher function argument passed to function {{token}} does not return the correct object structure"
    case .D1011:
      "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive"
    case .D1012: "Expression evaluation timeout: Check for infinite loop"
    case .D2015: "Expression evaluation memory limit exceeded: Check for excessive memory usage"
    case .T2001: "The left side of the {{token}} operator must evaluate to a number"
    case .T2002: "The right side of the {{token}} operator must evaluate to a number"
    case .T2003: "The left side of the range operator (..) must evaluate to an integer"
    case .T2004: "The right side of the range operator (..) must evaluate to an integer"
    case .T2006: "The right side of the function application operator ~> must be a function"
    case .T2007: "Type mismatch when comparing values {{value}} and {{value2}} in order-by clause"
    case .T2008: "The expressions within an order-by clause must evaluate to numeric or string values"
    case .T2009:
      "The values {{value}} and {{value2}} either side of operator {{token}} must be of the same data type"
    case .T2010:
      "The expressions either side of operator {{token}} must evaluate to numeric or string values"
    case .T2011:
      "The insert/update clause of the transform expression must evaluate to an object: {{value}}"
    case .T2012:
      "The delete clause of the transform expression must evaluate to a string or array of strings: {{value}}"
    case .T2013:
      "The transform expression clones the input object using the $clone() function.  This has been overridden in the current scope by a non-function."
    case .D2014:
      "The size of the sequence allocated by the range operator (..) must not exceed 1e7.  Attempted to allocate {{value}}."
    case .D3001: "Attempting to invoke string function on Infinity or NaN"
    case .D3010: "Second argument of replace function cannot be an empty string"
    case .D3011: "Fourth argument of replace function must evaluate to a positive number"
    case .D3012: "Attempted to replace a matched string with a non-string value"
    case .D3020: "Third argument of split function must evaluate to a positive number"
    case .D3030: "Unable to cast value to a number: {{value}}"
    case .D3040: "Third argument of match function must evaluate to a positive number"
    case .D3050: "The second argument of reduce function must be a function with at least two arguments"
    case .D3060: "The sqrt function cannot be applied to a negative number: {{value}}"
    case .D3061:
      "The power function has resulted in a value that cannot be represented as a JSON number: base={{value}}, exponent={{exp}}"
    case .D3070:
      "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function"
    case .D3080: "The picture string must only contain a maximum of two sub-pictures"
    case .D3081:
      "The sub-picture must not contain more than one instance of the 'decimal-separator' character"
    case .D3082: "The sub-picture must not contain more than one instance of the 'percent' character"
    case .D3083: "The sub-picture must not contain more than one instance of the 'per-mille' character"
    case .D3084: "The sub-picture must not contain both a 'percent' and a 'per-mille' character"
    case .D3085:
      "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'"
    case .D3086:
      "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character"
    case .D3087:
      "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character"
    case .D3088: "The sub-picture must not contain a 'grouping-separator' at the end of the integer part"
    case .D3089:
      "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character"
    case .D3090:
      "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'"
    case .D3091:
      "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'"
    case .D3092:
      "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'"
    case .D3093:
      "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'"
    case .D3100:
      "The radix of the formatBase function must be between 2 and 36.  It was given {{value}}"
    case .D3110:
      "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {{value}}"
    case .D3130:
      "Formatting or parsing an integer as a sequence starting with {{value}} is not supported by this implementation"
    case .D3131: "In a decimal digit pattern, all digits must be from the same decimal group"
    case .D3132: "Unknown component specifier {{value}} in date/time picture string"
    case .D3133:
      "The 'name' modifier can only be applied to months and days in the date/time picture string, not {{value}}"
    case .D3134: "The timezone integer format specifier cannot have more than four digits"
    case .D3135: "No matching closing bracket ']' in date/time picture string"
    case .D3136: "The date/time picture string is missing specifiers required to parse the timestamp"
    case .D3137, .D3141: "{{{message}}}"
    case .D3138:
      "The $single() function expected exactly 1 matching result.  Instead it matched more."
    case .D3139:
      "The $single() function expected exactly 1 matching result.  Instead it matched 0."
    case .D3140: "Malformed URL passed to ${{{functionName}}}(): {{value}}"
    }
  }
}
