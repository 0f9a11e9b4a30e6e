import Stepmill
import StepmillTasks

// A call in the protocol of its service, out and back.

/// What goes out, but for the endpoint and the signature.
struct WireRequest: Sendable {
  var method = "POST"
  /// Path and query.
  var target = "/"
  var headers: [(name: String, value: String)] = []
  var body: [UInt8] = []
}

/// An error that a service answered with.
struct ServiceError: Error, Sendable {
  var status: Int
  /// As texts show it.
  var code: String?
  /// What the error's class is made of, where that is not the code.
  var name: String?
  var message: String?
  var requestID: String?
  var extendedID: String?
}

/// A response or a request that makes no sense.
struct WireError: Error, Hashable, Sendable {
  let description: String
}

struct AWSWire: Sendable {
  let service: AWSService
  /// `SendMessage`.
  let operation: String
  /// The call goes through `aws-sdk:`, with the names of the second SDK.
  let isPlain: Bool

  private var names: MemberNames { MemberNames(service) }
  private var rest: RESTBinding? { service.operation(operation)?.rest }

  // MARK: Out

  func request(_ input: JSON) throws(WireError) -> WireRequest {
    switch service.wire {
    case .json(let version, let target):
      let body = isPlain ? names.request(input) : shaped(input)
      return WireRequest(
        headers: [
          ("Content-Type", "application/x-amz-json-\(version)"), ("X-Amz-Target", "\(target).\(operation)"),
        ],
        body: body.utf8)
    case .query(let version):
      var form = QueryForm(service, action: operation, version: version)
      form.add(input)
      return WireRequest(
        headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")], body: form.bytes)
    case .rest:
      guard let rest else {
        throw WireError(description: "\(service.id)'s operation \(operation) is not known here")
      }
      return try RESTRequest(rest, service, operation).request(input)
    }
  }

  /// Times of an optimized integration's request, too, are numbers on the wire.
  private func shaped(_ input: JSON) -> JSON { names.request(input) }

  // MARK: Back

  /// What a response with a good status says.
  func result(_ response: HTTPClientResponse) throws(WireError) -> JSON {
    switch service.wire {
    case .json:
      if response.body.isEmpty { return [:] }
      let body: JSON
      do throws(JSONSyntaxError) {
        body = try JSON(parsing: response.body)
      } catch {
        throw WireError(description: "\(error)")
      }
      guard body.kind == .object else { throw WireError(description: "the response is no JSON object") }
      return sorted(isPlain ? names.response(body) : withoutNulls(body))
    case .query:
      let root = try xml(response.body)
      return sorted(XMLResult(service).json(root.child("\(operation)Result")))
    case .rest(let isXML):
      guard let rest else { return [:] }
      let members = RESTRequest(rest, service, operation).result(response)
      if let payload = rest.resultPayload {
        return JSON(members: sorted(members) + [(payload, JSON(response.text))])
      }
      guard isXML, !response.body.isEmpty, rest.results.isEmpty else { return JSON(members: sorted(members)) }
      return sorted(XMLResult(service).json(try xml(response.body)))
    }
  }

  private func xml(_ body: [UInt8]) throws(WireError) -> XMLElement {
    do throws(XMLError) {
      return try XMLReader.read(body)
    } catch {
      throw WireError(description: error.description)
    }
  }

  private func withoutNulls(_ value: JSON) -> JSON {
    guard let members = value.object, members.contains(where: \.value.isNull) else { return value }
    return JSON(members: members.filter { !$0.value.isNull })
  }

  /// Members of results come in alphabetical order.
  private func sorted(_ value: JSON) -> JSON {
    guard let members = value.object else { return value }
    return JSON(members: sorted(Array(members)))
  }

  private func sorted(_ members: [(key: String, value: JSON)]) -> [(key: String, value: JSON)] {
    members.sorted { $0.key < $1.key }
  }

  // MARK: Errors

  /// What a response with a bad status says.
  func error(_ response: HTTPClientResponse) -> ServiceError {
    var error = ServiceError(status: response.status)
    error.requestID = AWSWire.requestID(response)
    error.extendedID = response.header("x-amz-id-2")
    switch service.wire {
    case .json, .rest(isXML: false): readJSON(response, &error)
    case .query, .rest(isXML: true): readXML(response, &error)
    }
    return error
  }

  static func requestID(_ response: HTTPClientResponse) -> String? {
    response.header("x-amzn-requestid") ?? response.header("x-amz-request-id")
  }

  private func readJSON(_ response: HTTPClientResponse, _ error: inout ServiceError) {
    // What stands before a service may not know what the service speaks.
    guard let body = try? JSON(parsing: response.body) else { return readXML(response, &error) }
    let type = response.header("x-amzn-errortype") ?? body["__type"]?.string ?? body["code"]?.string
    // "com.amazonaws.sqs#QueueDoesNotExist", and behind a colon a URL.
    error.name = type.map {
      String($0.split(separator: "#").last?.split(separator: ":").first ?? "")
    }
    // Services that spoke the query protocol before go on telling its codes.
    error.code =
      response.header("x-amzn-query-error").map { String($0.prefix { $0 != ";" }) } ?? error.name
    error.message = ["message", "Message", "errorMessage"].lazy.compactMap { body[$0]?.string }.first
  }

  private func readXML(_ response: HTTPClientResponse, _ error: inout ServiceError) {
    guard let root = try? XMLReader.read(response.body) else {
      if response.body.isEmpty, response.status == 404, operation == "HeadObject" { error.code = "NoSuchKey" }
      return
    }
    let told = root.child("Error") ?? root.child("Errors")?.child("Error") ?? root
    error.code = told.child("Code")?.text
    error.message = told.child("Message")?.text
    error.requestID =
      error.requestID ?? root.child("RequestId")?.text ?? root.child("RequestID")?.text
      ?? told.child("RequestId")?.text
    if service.name == "s3" {
      error.extendedID = error.extendedID ?? told.child("HostId")?.text ?? error.requestID ?? "null"
    }
  }
}
