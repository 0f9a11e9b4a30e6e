import Stepmill
import StepmillHTTP

// What members are called on the two sides of a call through `aws-sdk:`, and what becomes of
// values that JSON has no kind for: times are texts here and numbers there, bytes are texts here
// and Base64 there.

struct MemberNames: Sendable {
  private let service: AWSService

  init(_ service: AWSService) { self.service = service }

  /// A request as it goes on the wire.
  func request(_ value: JSON) -> JSON { sent(value, inMap: false) }

  private func sent(_ value: JSON, inMap: Bool) -> JSON {
    if let elements = value.array { return JSON(elements.map { sent($0, inMap: inMap) }) }
    guard let members = value.object else { return value }
    return JSON(
      members: members.map { member in
        if inMap { return (member.key, sent(member.value, inMap: service.maps.contains(member.key))) }
        let name = wireName(member.key)
        if let text = member.value.string {
          if service.blobs.contains(member.key) { return (name, JSON(Base64.text(Array(text.utf8)))) }
          if Self.isTime(member.key), let time = UTCText.milliseconds(text) {
            return (name, Self.seconds(time))
          }
        }
        return (name, sent(member.value, inMap: service.maps.contains(member.key)))
      })
  }

  /// A response as the task sees it; members that are null are left out.
  func response(_ value: JSON) -> JSON { received(value, inMap: false) }

  private func received(_ value: JSON, inMap: Bool) -> JSON {
    if let elements = value.array { return JSON(elements.map { received($0, inMap: inMap) }) }
    guard let members = value.object else { return value }
    return JSON(
      members: members.compactMap { member -> (key: String, value: JSON)? in
        if member.value.isNull { return inMap ? (member.key, member.value) : nil }
        if inMap { return (member.key, received(member.value, inMap: service.maps.contains(member.key))) }
        let name = taskName(member.key)
        if let text = member.value.string, service.blobs.contains(name), let bytes = Base64.bytes(text) {
          return (name, JSON(String(decoding: bytes, as: UTF8.self)))
        }
        if Self.isTime(name), let seconds = member.value.double, seconds > Self.timesBegin,
          seconds < Self.timesEnd
        {
          return (name, JSON(Self.text(milliseconds: Int64((seconds * 1000).rounded()))))
        }
        return (name, received(member.value, inMap: service.maps.contains(name)))
      })
  }

  private func wireName(_ name: String) -> String {
    if let wire = service.sdkNames.first(where: { $0.value == name })?.key { return wire }
    return service.casing == .camel ? name.prefix(1).lowercased() + name.dropFirst() : name
  }

  private func taskName(_ name: String) -> String {
    service.sdkNames[name] ?? name.prefix(1).uppercased() + name.dropFirst()
  }

  // MARK: Times

  /// A number below is no time since 1970 that a service would tell.
  private static let timesBegin = 1e8
  /// In seconds, the year 10000: what is larger is no time.
  private static let timesEnd: Double = 253_402_300_800

  /// There are no models here, but names of times have their endings.
  private static func isTime(_ name: String) -> Bool {
    ["Date", "Time", "Timestamp", "At"].contains { name.hasSuffix($0) }
  }

  static func seconds(_ milliseconds: Int64) -> JSON {
    milliseconds % 1000 == 0 ? JSON(milliseconds / 1000) : JSON(Double(milliseconds) / 1000)
  }

  /// As Java prints a point in time: without a fraction where there is none.
  static func text(milliseconds: Int64) -> String {
    let text = UTCText.text(milliseconds)
    return milliseconds % 1000 == 0 && text.hasSuffix(".000Z") ? text.dropLast(5) + "Z" : text
  }
}
