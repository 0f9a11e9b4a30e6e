/// Why a request is refused before any handler sees it. After a refusal nobody can know where
/// the next request begins, so the connection ends with the answer.
package enum HTTPRefusal: UInt8, CaseIterable, Sendable {
  case badRequestLine, badMethod, badTarget, unsupportedVersion
  case bareLineFeed, bareCarriageReturn, badFieldName, badFieldValue, foldedField
  case headTooLarge, tooManyFields
  case missingHost, repeatedHost, badHost
  case badContentLength, repeatedContentLength, lengthAndChunked, repeatedTransferEncoding
  case unsupportedTransferCoding, chunkedBeforeHTTP11
  case badChunkSize, badChunkEnd, badTrailer, bodyTooLarge
  case unknownExpectation
  case requestTimeout, tooManyConnections

  package var status: Int {
    switch self {
    case .headTooLarge, .tooManyFields: 431
    case .bodyTooLarge: 413
    case .unsupportedVersion: 505
    case .unsupportedTransferCoding: 501
    case .unknownExpectation: 417
    case .requestTimeout: 408
    case .tooManyConnections: 503
    default: 400
    }
  }

  /// The body of the answer: a sentence.
  package var message: String {
    switch self {
    case .badRequestLine: "The request line is not 'METHOD TARGET HTTP/1.1'."
    case .badMethod: "The method is not a token of at most 32 characters."
    case .badTarget: "The request target is neither a path nor an http URL of visible ASCII characters."
    case .unsupportedVersion: "This server speaks HTTP/1.1 and HTTP/1.0."
    case .bareLineFeed: "A line ends with LF alone; lines end with CR LF."
    case .bareCarriageReturn: "There is a CR that no LF follows."
    case .badFieldName: "The name of a header field is empty or has a character that is not allowed there."
    case .badFieldValue: "The value of a header field has a control character."
    case .foldedField: "A header line begins with white space; folded header lines are not allowed."
    case .headTooLarge: "The request line and headers are larger than this server allows."
    case .tooManyFields: "There are more header fields than this server allows."
    case .missingHost: "A Host header is missing."
    case .repeatedHost: "There is more than one Host header."
    case .badHost: "The Host header has white space in it."
    case .badContentLength: "Content-Length is not a decimal number."
    case .repeatedContentLength: "There is more than one Content-Length header."
    case .lengthAndChunked: "Content-Length and Transfer-Encoding may not come together."
    case .repeatedTransferEncoding: "There is more than one Transfer-Encoding header."
    case .unsupportedTransferCoding: "The only transfer coding that this server knows is 'chunked'."
    case .chunkedBeforeHTTP11: "HTTP/1.0 has no Transfer-Encoding."
    case .badChunkSize: "The size of a chunk is not a hexadecimal number, or its extension is malformed."
    case .badChunkEnd: "A chunk does not end where its size says."
    case .badTrailer: "The trailer of a chunked body is malformed."
    case .bodyTooLarge: "The body is larger than this server allows."
    case .unknownExpectation: "The only expectation that this server knows is '100-continue'."
    case .requestTimeout: "The request did not arrive in time."
    case .tooManyConnections: "The server has as many connections as it allows; try again later."
    }
  }
}
