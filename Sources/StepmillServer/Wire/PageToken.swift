import Stepmill

/// Where a listing goes on: an opaque text that says for which question it is, since when, and
/// from where. It carries a check of itself, so that what was not made here is noticed.
struct PageToken {
  /// How long a token may be used.
  static let lifetimeMilliseconds: Int64 = 86_400_000

  /// What the token must fit: the operation and all parameters but the page's size.
  let question: String
  let scope: Scope

  init(_ operation: String, in scope: Scope, _ parameters: String?...) {
    question = ([operation] + parameters.map { $0.map { "=" + $0 } ?? "-" }).joined(separator: "\n")
    self.scope = scope
  }

  /// The text of a token that goes on from `cursor`.
  func text(cursor: String, now: Int64) -> String {
    let payload = "\(String(now, radix: 36)).\(cursor)"
    return Hex.text(Array((check(payload) + payload).utf8))
  }

  /// Where a token goes on.
  func cursor(of text: String, now: Int64) throws(APIError) -> String {
    guard let bytes = Hex.bytes(text), bytes.count > 16 else { throw .invalidToken() }
    let payload = String(decoding: bytes[16...], as: UTF8.self)
    guard Array(check(payload).utf8) == Array(bytes[..<16]), let dot = payload.firstIndex(of: "."),
      let time = Int64(payload[..<dot], radix: 36), now - time <= Self.lifetimeMilliseconds
    else { throw .invalidToken() }
    return String(payload[payload.index(after: dot)...])
  }

  /// Sixteen digits that follow from question, scope and payload (FNV-1a).
  private func check(_ payload: String) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in "\(scope.region)\n\(scope.account)\n\(question)\n\(payload)".utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Bytes as digits.
enum Hex {
  static func text(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  static func bytes(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for position in stride(from: 0, to: digits.count, by: 2) {
      guard let high = value(digits[position]), let low = value(digits[position + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x61...0x66: digit - 0x57
    default: nil
    }
  }
}

/// A page's size and the place it begins at, as every listing takes them.
struct PageRequest {
  let limit: Int
  let cursor: String?
  private let token: PageToken
  private let now: Int64

  init(_ request: Request, _ token: PageToken, now: Int64, limitMax: Int = 100) throws(APIError) {
    let limit = request.integer("maxResults") ?? 0
    self.limit = limit == 0 ? limitMax : limit
    self.token = token
    self.now = now
    if let text = request.text("nextToken") {
      cursor = try token.cursor(of: text, now: now)
    } else {
      cursor = nil
    }
  }

  /// The cursor as a number.
  func number() throws(APIError) -> Int? {
    guard let cursor else { return nil }
    guard let number = Int(cursor) else { throw .invalidToken() }
    return number
  }

  /// The token of the next page.
  func next(_ cursor: String?) -> String? { cursor.map { token.text(cursor: $0, now: now) } }

  /// A slice of a list in the order of its elements' dates, and the token of what follows. The
  /// page begins behind the last element that was shown, whatever came or went since.
  func page<Element>(
    of all: [Element], isNewestFirst: Bool = false, key: (Element) -> (date: Int64, name: String)
  ) throws(APIError) -> (elements: ArraySlice<Element>, next: String?) {
    var start = 0
    if let cursor {
      let parts = cursor.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let date = Int64(parts[0]) else { throw .invalidToken() }
      if let shown = all.firstIndex(where: { key($0).date == date && key($0).name == parts[1] }) {
        start = shown + 1
      } else {
        start =
          all.firstIndex { isNewestFirst ? key($0).date <= date : key($0).date >= date } ?? all.count
      }
    }
    let end = min(start + limit, all.count)
    guard end < all.count, end > start else { return (all[start..<end], nil) }
    let last = key(all[end - 1])
    return (all[start..<end], next("\(last.date).\(last.name)"))
  }
}
