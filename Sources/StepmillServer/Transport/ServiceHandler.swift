import Stepmill
import StepmillHTTP

// The service behind HTTP: AWS JSON 1.0 at `/`, and pages for whoever operates it.
//
// Any `Host` is taken, since clients put `sync-` and more in front of it. Who asks is told by
// `RequestAccess`; without an answer of that there is no call.

/// Finds out for whom a request is, and whether it may be made.
package protocol RequestAccess: Sendable {
  /// Called on a loop's thread. What it throws is the answer.
  func scope(of request: HTTPRequest) throws(AccessRefusal) -> Scope
  /// The answer is the same for all requests with the same credential in `Authorization`.
  var needsCredentialOnly: Bool { get }
}

extension RequestAccess {
  package var needsCredentialOnly: Bool { false }
}

/// Why a request is not let in, in AWS's words.
package struct AccessRefusal: Error, Hashable, Sendable {
  package let type: String
  package let message: String
  package let status: Int

  package init(type: String, message: String, status: Int) {
    self.type = type
    self.message = message
    self.status = status
  }
}

/// Answers the requests of clients of AWS Step Functions.
package final class ServiceHandler: HTTPHandler {
  private let service: StepFunctionsService
  let access: any RequestAccess
  private let pages: OperatorPages
  private let logs: LogService?
  let meters: OperationMeters
  let identifiers: IdentifierSource

  /// - Parameters:
  ///   - service: Does the work.
  ///   - access: Lets requests in.
  ///   - pages: Answers what is no call of the API.
  ///   - logs: Answers clients of CloudWatch Logs.
  ///   - identifiers: Numbers the requests.
  package init(
    _ service: StepFunctionsService, access: any RequestAccess, pages: OperatorPages,
    logs: LogService? = nil, identifiers: IdentifierSource
  ) {
    self.service = service
    self.access = access
    self.pages = pages
    self.logs = logs
    self.identifiers = identifiers
    meters = pages.meters
  }

  /// Where executions run on the loops that requests come in on, some need not leave them.
  package func handler(on loop: TenantLoop) -> any HTTPHandler {
    guard let runtime = service.host as? Runtime else { return self }
    return ServiceLoop(self, service, runtime, loop)
  }

  package func handle(_ request: HTTPRequest, respond: HTTPResponder) {
    guard let target = unsafe request.bytes("x-amz-target") else { return pages.handle(request, respond) }
    if let logs, let operation = unsafe Self.operation(target, of: "Logs_20140328.") {
      return answer(respond, logs.answer(operation, request, access))
    }
    let operation = unsafe Self.operation(target, of: "AWSStepFunctions.") ?? ""
    guard request.isMethod("POST"), let meter = meters[operation] else {
      return answer(respond, APIAnswer(APIError.unknownOperation()))
    }
    let began = OperationMeters.now
    let scope: Scope
    do throws(AccessRefusal) {
      scope = try access.scope(of: request)
    } catch {
      meter.count(since: began, status: error.status)
      return answer(respond, APIAnswer(error))
    }
    let body = unsafe [UInt8](request.body)
    service.handle(
      operation, body: body, scope: scope, whenAbandoned: { respond.whenAbandoned($0) },
      answer: { [self] result in
        meter.count(since: began, status: result.status)
        answer(respond, result)
      })
  }

  /// What stands behind the name of the service; nil where that is another.
  private static func operation(_ target: UnsafeRawBufferPointer, of prefix: StaticString) -> String? {
    let size = prefix.utf8CodeUnitCount
    guard target.count > size, unsafe target.prefix(size).elementsEqual(prefix.bytes) else { return nil }
    return unsafe String(decoding: target[size...], as: UTF8.self)
  }

  /// The same for those who have not counted the call yet.
  func answer(_ respond: HTTPResponder, _ answer: APIAnswer, _ operation: String, began: Int) {
    meters[operation]?.count(since: began, status: answer.status)
    self.answer(respond, answer)
  }

  private func answer(_ respond: HTTPResponder, _ answer: APIAnswer) {
    let fields = Array(
      "Content-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: \(identifiers.uuid())\r\n".utf8)
    unsafe fields.withUnsafeBytes { fields in
      unsafe answer.body.withUnsafeBytes { body in
        unsafe respond.send(status: answer.status, fields: fields, body: body)
      }
    }
  }
}

extension LogService {
  fileprivate func answer(
    _ operation: String, _ request: HTTPRequest, _ access: any RequestAccess
  ) -> APIAnswer {
    guard request.isMethod("POST") else { return APIAnswer(APIError.unknownOperation()) }
    do throws(AccessRefusal) {
      let scope = try access.scope(of: request)
      return handle(operation, body: unsafe [UInt8](request.body), scope: scope)
    } catch {
      return APIAnswer(error)
    }
  }
}

extension StaticString {
  fileprivate var bytes: UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
  }
}

extension APIAnswer {
  fileprivate init(_ refusal: AccessRefusal) {
    var body = ResponseBody()
    body.add("__type", "com.amazon.coral.service#\(refusal.type)")
    body.add("message", refusal.message)
    self.init(status: refusal.status, body: body.finish())
  }
}
