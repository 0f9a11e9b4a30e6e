import Stepmill
import StepmillTasks

/// A request of the query protocol: a form whose names say where a value is in the whole.
struct QueryForm {
  private let service: AWSService
  private var pairs: [(name: String, value: String)]

  init(_ service: AWSService, action: String, version: String) {
    self.service = service
    pairs = [("Action", action), ("Version", version)]
  }

  mutating func add(_ input: JSON) {
    for member in input.memberList { add(member.key, member.key, member.value) }
  }

  /// - Parameters:
  ///   - name: What stands before it, with its own name.
  ///   - member: Its own name.
  private mutating func add(_ name: String, _ member: String, _ value: JSON) {
    switch value.kind {
    case .null: break
    case .string: pairs.append((name, value.string ?? ""))
    case .bool, .number: pairs.append((name, value.text))
    case .array:
      for (index, element) in value.elementList.enumerated() {
        add("\(name).member.\(index + 1)", member, element)
      }
    case .object:
      let members = value.memberList
      guard service.maps.contains(member) else {
        for each in members { add("\(name).\(each.key)", each.key, each.value) }
        return
      }
      // Attributes of messages are the one map whose entries are called otherwise.
      let isMessage = member == "MessageAttributes"
      for (index, each) in members.enumerated() {
        let entry = "\(name).entry.\(index + 1)"
        pairs.append(("\(entry).\(isMessage ? "Name" : "key")", each.key))
        add("\(entry).\(isMessage ? "Value" : "value")", "", each.value)
      }
    }
  }

  var bytes: [UInt8] {
    Array(
      pairs.map { "\(PercentEncoding.form($0.name))=\(PercentEncoding.form($0.value))" }
        .joined(separator: "&").utf8)
  }
}

/// XML as the JSON that a task sees.
struct XMLResult {
  private let service: AWSService

  init(_ service: AWSService) { self.service = service }

  /// The members of a result; nothing is an empty object.
  func json(_ element: XMLElement?) -> JSON {
    guard let element else { return [:] }
    return object(element)
  }

  private func object(_ element: XMLElement) -> JSON {
    var order: [String] = []
    var values: [String: [XMLElement]] = [:]
    for child in element.children {
      if values[child.name] == nil { order.append(child.name) }
      values[child.name, default: []].append(child)
    }
    return JSON(
      members: order.map { name in
        let found = values[name] ?? []
        if service.lists.contains(name) || found.count > 1 { return (name, list(found)) }
        return (name, value(found[0]))
      })
  }

  /// A list's elements lie in one another's row, or in an element of their own.
  private func list(_ elements: [XMLElement]) -> JSON {
    if elements.count == 1 {
      let inside = elements[0].children
      if inside.allSatisfy({ $0.name == "member" }) {
        return inside.isEmpty && !elements[0].text.allSatisfy(\.isWhitespace)
          ? [value(elements[0])] : JSON(inside.map(value))
      }
    }
    return JSON(elements.map(value))
  }

  private func value(_ element: XMLElement) -> JSON {
    guard !element.children.isEmpty else {
      if service.numbers.contains(element.name), let number = Int(element.text) { return JSON(number) }
      if service.flags.contains(element.name) { return JSON(element.text == "true") }
      if element.name.hasSuffix("LastModified"), let time = UTCText.milliseconds(element.text) {
        return JSON(MemberNames.text(milliseconds: time))
      }
      return JSON(element.text)
    }
    if element.children.allSatisfy({ $0.name == "entry" }) {
      return JSON(
        members: element.children.map {
          (
            key: ($0.child("key") ?? $0.child("Name"))?.text ?? "",
            value: ($0.child("value") ?? $0.child("Value")).map(value) ?? .null
          )
        })
    }
    if element.children.allSatisfy({ $0.name == "member" }) { return JSON(element.children.map(value)) }
    return object(element)
  }
}
