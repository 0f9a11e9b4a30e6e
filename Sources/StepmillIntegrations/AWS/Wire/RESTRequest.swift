import Stepmill
import StepmillHTTP
import StepmillTasks

/// A REST operation's members in their places.
struct RESTRequest {
  private let binding: RESTBinding
  private let service: AWSService
  private let operation: String

  init(_ binding: RESTBinding, _ service: AWSService, _ operation: String) {
    self.binding = binding
    self.service = service
    self.operation = operation
  }

  func request(_ input: JSON) throws(WireError) -> WireRequest {
    var request = WireRequest(method: binding.method)
    var left = Set(input.object?.keys ?? [])
    request.target = try path(input, &left)
    var query = binding.fixedQuery.isEmpty ? [] : [binding.fixedQuery]
    for (member, name) in binding.query {
      guard left.remove(member) != nil, let value = input[member], !value.isNull else { continue }
      query.append("\(name)=\(PercentEncoding.text(value.string ?? value.text))")
    }
    if !query.isEmpty { request.target += "?" + query.joined(separator: "&") }
    for (member, name) in binding.headers {
      guard left.remove(member) != nil, let value = input[member], !value.isNull else { continue }
      if name.hasSuffix("-") {
        for each in value.memberList {
          request.headers.append((name + each.key.lowercased(), each.value.string ?? each.value.text))
        }
      } else {
        request.headers.append((name, value.string ?? value.text))
      }
    }
    if let payload = binding.payload { addBody(input[payload], left.remove(payload) != nil, &request) }
    if let unknown = left.sorted().first {
      throw WireError(
        description: "the member '\(unknown)' of \(service.id)'s \(operation) is not known here")
    }
    return request
  }

  private func path(_ input: JSON, _ left: inout Set<String>) throws(WireError) -> String {
    var path = ""
    for segment in binding.path.split(separator: "/") {
      guard segment.hasPrefix("{") else {
        path += "/\(segment)"
        continue
      }
      let isGreedy = segment.hasSuffix("+}")
      let member = String(segment.dropFirst().dropLast(isGreedy ? 2 : 1))
      left.remove(member)
      guard let value = input[member]?.string, !value.isEmpty else {
        throw WireError(description: "Parameter '\(member)' must not be null")
      }
      path += "/" + PercentEncoding.text(value, keepingSlashes: isGreedy)
    }
    return path
  }

  /// What a task gives as a body is written as JSON: a text, too, with its quotes.
  private func addBody(_ value: JSON?, _ isGiven: Bool, _ request: inout WireRequest) {
    if isGiven, let value { request.body = value.utf8 }
    if !request.headers.contains(where: { $0.name == "Content-Type" }) {
      request.headers.append(("Content-Type", "text/plain; charset=UTF-8"))
    }
    request.headers.append(("x-amz-sdk-checksum-algorithm", "CRC32"))
    request.headers.append(("x-amz-checksum-crc32", CRC32.text(request.body)))
  }

  /// The members that are in the response's headers.
  func result(_ response: HTTPClientResponse) -> [(key: String, value: JSON)] {
    var members: [(key: String, value: JSON)] = []
    for (name, member, kind) in binding.results {
      if kind == .metadata {
        let found = response.headers.filter { $0.name.lowercased().hasPrefix(name) }
        members.append(
          (
            member,
            JSON(members: found.map { (String($0.name.lowercased().dropFirst(name.count)), JSON($0.value)) })
          ))
        continue
      }
      guard let value = response.header(name) else { continue }
      switch kind {
      case .text, .metadata: members.append((member, JSON(value)))
      case .flag: members.append((member, JSON(value == "true")))
      case .number: members.append((member, Int(value).map { JSON($0) } ?? JSON(value)))
      case .date:
        let time = HTTPDate.second(value)
        members.append((member, JSON(time.map { MemberNames.text(milliseconds: $0 * 1000) } ?? value)))
      }
    }
    return members
  }
}
