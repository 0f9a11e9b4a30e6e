import Testing

@testable import StepmillHTTP

/// Proves that requests mean the same however they are cut, and that shapes on which servers
/// disagree are refused.
@Suite struct HTTPParserTests {
  static let host = "Host: x\r\n"

  static let wellFormed: [String] = [
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "\r\n\r\nGET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Blank: \t \r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloPOST /2 HTTP/1.1\r\nhost:y\r\nContent-Length:0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\nGET /n HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: CHUNKED\r\n\r\n00a\r\n0123456789\r\n000\r\nX-Trailer: 1\r\nContent-Length: 4\r\n\r\n",
    "GET http://example.org/p HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close, te\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nName: caf\u{e9}\r\n\r\n",
  ]

  @Test(arguments: wellFormed) func everySplitMeansTheSame(text: String) {
    let bytes = Array(text.utf8)
    let whole = ParsedRequests(bytes)
    #expect(whole.refusal == nil && whole.rest == 0 && !whole.requests.isEmpty)
    for first in 1..<bytes.count {
      #expect(ParsedRequests(bytes, pieces: [first]) == whole)
      for second in stride(from: 1, to: bytes.count - first, by: 7) {
        #expect(ParsedRequests(bytes, pieces: [first, second]) == whole)
      }
    }
    #expect(ParsedRequests(bytes, pieces: bytes.map { _ in 1 }) == whole)
  }

  @Test func aRequestComesApart() {
    let parsed = ParsedRequests(Self.wellFormed[3])
    #expect(parsed.requests.map(\.target) == ["/", "/n"])
    #expect(parsed.requests[0].body == Array("hello world".utf8))
    #expect(parsed.requests[0].headers == ["Host: x", "Transfer-Encoding: chunked"])
    let old = ParsedRequests(Self.wellFormed[5])
    #expect(old.requests.map(\.keepsAlive) == [false, true])
    #expect(ParsedRequests(Self.wellFormed[6]).requests[0].keepsAlive == false)
  }

  static let malformed: [(String, HTTPRefusal)] = [
    ("GET / HTTP/1.1\nHost: x\n\n", .bareLineFeed),
    ("GET / HTTP/1.1\r\nHost: x\n\r\n", .bareLineFeed),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", .bareCarriageReturn),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\r\n\r\n", .bareCarriageReturn),
    ("\rGET / HTTP/1.1\r\n", .bareCarriageReturn),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n", .badFieldValue),
    ("GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", .badFieldName),
    ("GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", .badFieldName),
    ("GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", .badFieldName),
    ("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", .foldedField),
    ("GET / HTTP/1.1\r\n Host: x\r\n\r\n", .foldedField),
    ("GET / HTTP/1.1\r\n\r\n", .missingHost),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", .repeatedHost),
    ("GET / HTTP/1.1\r\nHost: x y\r\n\r\n", .badHost),
    (
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      .lengthAndChunked
    ),
    (
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
      .lengthAndChunked
    ),
    (
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
      .repeatedContentLength
    ),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", .badContentLength),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", .badContentLength),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc", .badContentLength),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", .badContentLength),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", .bodyTooLarge),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferCoding),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n", .badFieldValue),
    (
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
      .repeatedTransferEncoding
    ),
    ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .chunkedBeforeHTTP11),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n", .badChunkSize),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n", .badChunkSize),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n", .badChunkSize),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", .badChunkSize),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n", .bareLineFeed),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a\u{1}\r\nhello\r\n", .badChunkSize),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n", .badChunkEnd),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n", .badChunkEnd),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", .bodyTooLarge),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", .badTrailer),
    ("POST / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n", .unknownExpectation),
    ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", .badTarget),
    ("GET / a HTTP/1.1\r\nHost: x\r\n\r\n", .badRequestLine),
    ("GET / HTTP/1.1 \r\nHost: x\r\n\r\n", .badRequestLine),
    ("GET /\r\n\r\n", .badRequestLine),
    ("GET\r\n\r\n", .badRequestLine),
    ("GET example.org HTTP/1.1\r\nHost: x\r\n\r\n", .badTarget),
    ("CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", .badTarget),
    ("GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n", .badTarget),
    ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", .badTarget),
    ("G(T / HTTP/1.1\r\nHost: x\r\n\r\n", .badMethod),
    ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", .unsupportedVersion),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .badTarget),
    ("GET / http/1.1\r\nHost: x\r\n\r\n", .badRequestLine),
    ("\u{16}\u{3}\u{1}", .badMethod),
    ("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", .bareLineFeed),
  ]

  @Test(arguments: malformed) func malformedIsRefusedHoweverItIsCut(text: String, refusal: HTTPRefusal) {
    let bytes = Array(text.utf8)
    #expect(ParsedRequests(bytes).refusal == refusal)
    #expect(ParsedRequests(bytes, pieces: bytes.map { _ in 1 }).refusal == refusal)
    for first in 1..<bytes.count { #expect(ParsedRequests(bytes, pieces: [first]).refusal == refusal) }
  }

  @Test func limitsHold() {
    var limits = HTTPLimits()
    limits.headBytesMax = 64
    limits.fieldsMax = 2
    limits.bodyBytesMax = 10
    let long = "GET /" + String(repeating: "a", count: 100)
    #expect(ParsedRequests(long, limits: limits).refusal == .headTooLarge)
    #expect(
      ParsedRequests("GET / HTTP/1.1\r\nA:1\r\nB:2\r\nC:3\r\n\r\n", limits: limits).refusal == .tooManyFields)
    let sized = "POST / HTTP/1.1\r\nHost:\r\nContent-Length: "
    #expect(ParsedRequests(sized + "11\r\n\r\n", limits: limits).refusal == .bodyTooLarge)
    #expect(ParsedRequests(sized + "10\r\n\r\n0123456789", limits: limits).requests.count == 1)
    let chunked = "POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n"
    #expect(ParsedRequests(chunked + "5\r\n01234\r\n6\r\n", limits: limits).refusal == .bodyTooLarge)
    #expect(
      ParsedRequests(chunked + "5;" + String(repeating: "a", count: 2000), limits: limits).refusal
        == .badChunkSize)
    let trailers = String(repeating: "A: 1\r\n", count: 20)
    #expect(ParsedRequests(chunked + "0\r\n" + trailers, limits: limits).refusal == .headTooLarge)
  }

  @Test func characterTablesAreTheSpecifications() {
    for byte in UInt8.min...UInt8.max {
      #expect(Characters.isToken(byte) == Characters.isTokenSpelledOut(byte))
      for place in 0..<11 {
        var text = [UInt8](repeating: 0x61, count: 11)
        text[place] = byte
        let isControl = (byte < 0x20 && byte != 9) || byte == 0x7F
        #expect(text.withUnsafeBytes { Characters.hasControl($0.baseAddress!, 0, 11) } == isControl)
      }
    }
  }

  @Test func datesAreWritten() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(HTTPDate.text(1_709_164_800) == "Thu, 29 Feb 2024 00:00:00 GMT")
  }

  @Test func numbersAreWritten() {
    for number in [0, 1, 9, 10, 99, 100, 12_345, Int.max] {
      var output = HTTPOutput(capacity: 1)
      output.append(number: number)
      output.append(number: number, radix: 16)
      let text = output.bytes.map { $0 }
      #expect(String(decoding: text, as: UTF8.self) == "\(number)\(String(number, radix: 16))")
    }
  }
}
