/// The status line and header fields of answers.
enum HTTPResponseWriter {
  @safe struct Head {
    var status: Int
    /// Whole lines, each with its CR LF.
    var fields: UnsafeRawBufferPointer
    /// Nil: what follows is chunked, or ends with the connection.
    var bodyCount: Int?
    var isChunked = false
    var keepsAlive: Bool
    /// A client of HTTP/1.0 wants to be told when the connection stays.
    var isHTTP10 = false
    /// "Date: …" with its CR LF.
    var date: UnsafeRawBufferPointer
  }

  @inline(__always)
  static func write(_ head: Head, to output: inout HTTPOutput) {
    unsafe output.reserve(256 &+ head.fields.count)
    if _fastPath(head.status == 200) {
      output.append("HTTP/1.1 200 OK\r\n")
    } else {
      writeStatus(head.status, to: &output)
    }
    unsafe output.append(head.date)
    unsafe output.append(head.fields)
    if let count = head.bodyCount {
      // RFC 9110, 8.6: no Content-Length where there cannot be content.
      if head.status != 204, head.status >= 200 {
        output.append("Content-Length: ")
        output.append(number: count)
        output.append("\r\n")
      }
    } else if head.isChunked {
      output.append("Transfer-Encoding: chunked\r\n")
    }
    if _slowPath(!head.keepsAlive) {
      output.append("Connection: close\r\n")
    } else if _slowPath(head.isHTTP10) {
      output.append("Connection: keep-alive\r\n")
    }
    output.append("\r\n")
  }

  private static func writeStatus(_ status: Int, to output: inout HTTPOutput) {
    output.append("HTTP/1.1 ")
    output.append(number: status)
    output.append(byte: 0x20)
    output.append(reason(status))
    output.append("\r\n")
  }

  static func reason(_ status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}
