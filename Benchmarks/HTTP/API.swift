import Stepmill

/// Calls of the API as a client sends them.
enum API {
  static let input =
    #"{"orderId":123456,"customer":{"name":"Ada","tier":"gold"},"lines":[{"sku":"A-17","quantity":2}]}"#

  /// Three states.
  static let order = #"""
    {"StartAt": "Take", "States": {
      "Take": {"Type": "Pass", "Parameters": {"id.$": "$.orderId", "who.$": "$.customer"}, "ResultPath": "$.order", "Next": "Check"},
      "Check": {"Type": "Choice", "Choices": [{"Variable": "$.order.who.tier", "StringEquals": "gold", "Next": "Done"}], "Default": "Done"},
      "Done": {"Type": "Succeed"}}}
    """#

  static let wait = #"""
    {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 100000, "End": true}}}
    """#

  /// Runs until its history is full.
  static let endless = #"""
    {"StartAt": "One", "States": {
      "One": {"Type": "Pass", "Next": "Two"}, "Two": {"Type": "Choice",
        "Choices": [{"Variable": "$.orderId", "IsPresent": true, "Next": "One"}], "Default": "Done"},
      "Done": {"Type": "Succeed"}}}
    """#

  /// A whole request. Its signature is none: the server looks at what it names only.
  static func request(_ operation: String, _ body: JSON) -> [UInt8] {
    request(operation, Array(body.utf8))
  }

  static func request(_ operation: String, _ body: [UInt8]) -> [UInt8] {
    let head =
      "POST / HTTP/1.1\r\nHost: 127.0.0.1:8083\r\nAccept-Encoding: identity\r\n"
      + "X-Amz-Target: AWSStepFunctions.\(operation)\r\nContent-Type: application/x-amz-json-1.0\r\n"
      + "User-Agent: Boto3/1.35.0 md/Botocore#1.35.0 ua/2.0 os/linux md/arch#x86_64 lang/python#3.11\r\n"
      + "X-Amz-Date: 20260101T000000Z\r\n"
      + "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, "
      + "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
      + "Signature=\(String(repeating: "0123456789abcdef", count: 4))\r\n"
      + "Content-Length: \(body.count)\r\n\r\n"
    return Array(head.utf8) + body
  }

  static func start(_ operation: String, _ machine: String, more: [(String, JSON)] = []) -> [UInt8] {
    let members = [("stateMachineArn", JSON(machine)), ("input", JSON(input))] + more
    return request(operation, JSON(members: members.map { (key: $0.0, value: $0.1) }))
  }

  /// Makes a state machine and gives its ARN.
  static func create(_ name: String, _ definition: String, _ type: String, on server: Server) -> String {
    let body: JSON = [
      "name": JSON(name), "definition": JSON(definition), "type": JSON(type),
      "roleArn": "arn:aws:iam::123456789012:role/benchmark",
    ]
    guard let answer = server.call(request("CreateStateMachine", body)),
      let arn = answer.body["stateMachineArn"]?.string
    else { Servers.fail("the state machine '\(name)' could not be made") }
    return arn
  }
}
