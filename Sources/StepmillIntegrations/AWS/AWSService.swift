import Stepmill
import StepmillTasks

// What is to be known of a service to call it: a row of a table.
//
// A row says where the service is (the prefix of its host, the names that endpoints are given
// under), what signs requests to it, which of AWS's protocols it speaks, and how its members and
// errors are called on both sides. For `aws-sdk:` resources that is all: any operation of a JSON
// service can be called with it. An operation gets a row of its own where something is different:
// an optimized integration checks its request and turns JSON into texts, a REST operation has its
// members in places.

/// A service of AWS's.
struct AWSService: Sendable {
  enum Wire: Sendable {
    /// A JSON document in a POST to `/`, the operation in `X-Amz-Target`.
    case json(version: String, target: String)
    /// A form in a POST to `/`, and XML back.
    case query(version: String)
    /// Members in path, query, headers and body; JSON or XML back.
    case rest(isXML: Bool)
  }

  /// How members are called on the wire, where `Name` is `Name` here.
  enum Casing: Sendable {
    case pascal
    case camel
  }

  /// As `aws-sdk:` resources call it.
  let name: String
  /// As SDKs call it: `DynamoDB`, `CloudWatch Logs`. Texts of errors show it.
  let id: String
  /// The prefix of its host, which endpoints may be given under too.
  let host: String
  let signingName: String
  let wire: Wire
  var casing = Casing.pascal
  /// What an endpoint may be called besides.
  var aliases: [String] = []
  /// Its optimized integration.
  var optimized: Optimized?
  /// Members that the SDK calls otherwise than the wire does: `MD5OfBody` is `Md5OfBody`.
  var sdkNames: [String: String] = [:]
  /// Members whose names inside are of the user's making.
  var maps: Set<String> = []
  /// Members that hold bytes: Base64 on the wire, a text here.
  var blobs: Set<String> = []
  /// Codes of errors of its model's that look as if they were anybody's.
  var modelled: Set<String> = []
  /// What XML does not tell: members that are lists, numbers or flags.
  var lists: Set<String> = []
  var numbers: Set<String> = []
  var flags: Set<String> = []
  var operations: [AWSOperation] = []

  struct Optimized: Sendable {
    /// As its resources call it: `events`.
    let name: String
    /// As its errors begin.
    let prefix: String
    /// The client of the first SDK: errors show it.
    let client: String
  }

  /// As `AWS_ENDPOINT_URL_…` ends for it.
  var environmentName: String { id.uppercased().replacing(" ", with: "_").replacing("-", with: "_") }

  /// What an endpoint for it may be called.
  var endpointNames: Set<String> {
    var names = Set(aliases + [name, host, signingName, environmentName.lowercased()])
    if let optimized { names.insert(optimized.name) }
    return names
  }

  func operation(_ name: String) -> AWSOperation? { operations.first { $0.name == name } }
}

/// An operation about which more is to be known than its name.
struct AWSOperation: Sendable {
  /// As the service calls it: `SendMessage`.
  let name: String
  /// What its optimized integration takes; nil: it has none.
  var request: [Member]?
  /// `.waitForTaskToken` may follow its name.
  var hasCallback = false
  /// The result goes without `SdkHttpMetadata`.
  var isBare = false
  /// What becomes of a request of the optimized integration beyond its members.
  var shape: (@Sendable (JSON, TaskRun) -> JSON)?
  /// A response that is a failure nevertheless.
  var failure: (@Sendable (JSON) -> TaskFailure?)?
  var rest: RESTBinding?

  struct Member: Sendable {
    enum Kind: Sendable {
      case text, number, flag, list, object, any
      /// A text; JSON is put into its text.
      case jsonText
    }
    let name: String
    let kind: Kind
    let isRequired: Bool
  }

  /// Reads members as "QueueUrl!=text DelaySeconds=number": with an exclamation mark it must be
  /// there.
  static func members(_ text: String) -> [Member] {
    text.split(separator: " ").map { word in
      let parts = word.split(separator: "=")
      let isRequired = parts[0].hasSuffix("!")
      let kind: Member.Kind =
        switch parts[1] {
        case "text": .text
        case "number": .number
        case "flag": .flag
        case "list": .list
        case "object": .object
        case "json": .jsonText
        case "any": .any
        default: preconditionFailure("BUG in Stepmill (please report): no kind of member: \(word)")
        }
      return Member(
        name: String(isRequired ? parts[0].dropLast() : parts[0]), kind: kind, isRequired: isRequired)
    }
  }
}

/// Where the members of a REST operation go.
struct RESTBinding: Sendable {
  let method: String
  /// `/{Bucket}/{Key+}`: a plus lets slashes through.
  let path: String
  /// What is in the query always: `list-type=2`.
  var fixedQuery = ""
  /// Member to name, in the query and in the headers.
  var query: [(member: String, name: String)] = []
  var headers: [(member: String, name: String)] = []
  /// The member whose value is the body.
  var payload: String?
  /// Headers of the response that are members of the result.
  var results: [(name: String, member: String, kind: HeaderKind)] = []
  /// The member that the response's body is; nil: its members are the result's.
  var resultPayload: String?

  enum HeaderKind: Sendable { case text, number, date, flag, metadata }
}
