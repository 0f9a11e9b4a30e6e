// From the number of a built-in function to what it does.

extension JSONataMachine {
  /// Calls a built-in function with the arguments on the stack from `base` on. The caller
  /// takes them off.
  @inline(never)
  mutating func invoke(_ builtin: JSONataBuiltin, _ base: Int, _ given: Int, _ input: Value) -> Value {
    let row = builtins + Int(builtin.rawValue)
    let count = validate(row.pointee.parameters, row.pointee.count, base, given, input)
    if count < 0 { return .failure }
    if builtin == .zip { return zip(base, count) }
    while top - base < 4 { push(.missing) }
    let first = stack(base)
    let second = stack(base + 1)
    switch builtin {
    case .string: return string(first, pretty: second.kind == .true)
    case .length: return length(first)
    case .substring: return substring(first, second, stack(base + 2))
    case .substringBefore: return before(first, second)
    case .substringAfter: return after(first, second)
    case .uppercase: return changeCase(first, upper: true)
    case .lowercase: return changeCase(first, upper: false)
    case .trim: return trim(first)
    case .pad: return pad(first, second, stack(base + 2))
    case .contains: return contains(first, second)
    case .split: return split(first, second, stack(base + 2))
    case .join: return join(first, second)
    case .match: return match(first, second, stack(base + 2))
    case .replace: return replace(first, second, stack(base + 2), stack(base + 3))
    case .base64encode: return base64Encode(first)
    case .base64decode: return base64Decode(first)
    case .encodeUrlComponent: return encodeURL(first, whole: false)
    case .encodeUrl: return encodeURL(first, whole: true)
    case .decodeUrlComponent: return decodeURL(first, whole: false)
    case .decodeUrl: return decodeURL(first, whole: true)
    case .number: return number(first)
    case .abs: return absolute(first)
    case .floor: return rounded(first, .down)
    case .ceil: return rounded(first, .up)
    case .round: return round(first, second)
    case .power: return power(first, second)
    case .sqrt: return squareRoot(first)
    case .formatNumber: return formatNumber(first, second, stack(base + 2))
    case .formatBase: return formatBase(first, second)
    case .formatInteger: return formatInteger(first, second)
    case .parseInteger: return parseInteger(first, second)
    default: return invokeMore(builtin, base, first, second, input)
    }
  }

  @inline(never)
  private mutating func invokeMore(
    _ builtin: JSONataBuiltin, _ base: Int, _ first: Value, _ second: Value, _ input: Value
  ) -> Value {
    switch builtin {
    case .sum: return sum(first)
    case .max: return extreme(first, greatest: true)
    case .min: return extreme(first, greatest: false)
    case .average: return average(first)
    case .count: return .integer(first.isMissing ? 0 : first.isArray ? Int64(first.count) : 1)
    case .boolean, .not:
      switch truth(first) {
      case .failed: return .failure
      case .missing: return .missing
      case .yes: return .bool(builtin == .boolean)
      case .no: return .bool(builtin == .not)
      }
    case .exists: return .bool(!first.isMissing)
    case .append: return append(first, second)
    case .sort: return sort(first, by: second)
    case .reverse: return reverse(first)
    case .shuffle: return shuffle(first)
    case .distinct: return distinct(first)
    case .keys: return keys(first)
    case .lookup: return lookupFunction(first, second)
    case .spread: return spread(first)
    case .merge: return merge(first)
    case .sift:
      // A lone function sifts the context.
      return sift(first, second)
    case .each: return each(first, second)
    case .error:
      return fail(
        JSONataError(
          .d3137, text: first.isString && first.count > 0 ? first.text : "$error() function evaluated"))
    case .assert:
      if first.kind == .true { return .missing }
      return fail(
        JSONataError(
          .d3141, text: second.isString && second.count > 0 ? second.text : "$assert() statement failed"))
    case .type: return type(first)
    case .clone: return first
    case .map: return map(first, second)
    case .filter: return filter(first, second)
    case .single: return single(first, second)
    case .reduce: return reduce(first, second, stack(base + 2))
    case .toMillis: return toMillis(first, second)
    case .fromMillis: return fromMillis(first, second, stack(base + 2))
    case .now: return fromMillis(.integer(environment.pointee.milliseconds), first, second)
    case .millis: return .integer(environment.pointee.milliseconds)
    case .random: return random(first)
    case .partition: return partition(first, second)
    case .range: return range(first, second, stack(base + 2))
    case .hash: return hash(first, second)
    case .uuid: return uuid()
    case .parse: return parse(first)
    default: return .missing
    }
  }
}
