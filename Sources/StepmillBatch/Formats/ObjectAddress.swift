import Stepmill

/// Where an object lies: `s3://bucket/key`.
package struct ObjectAddress: Sendable, Hashable, CustomStringConvertible {
  package var bucket: String
  package var key: String

  package init(bucket: String, key: String) {
    self.bucket = bucket
    self.key = key
  }

  /// Reads `s3://bucket/key`.
  package init?(uri: some StringProtocol) {
    guard uri.lowercased().hasPrefix("s3://") else { return nil }
    let rest = uri.dropFirst(5)
    guard let slash = rest.firstIndex(of: "/"), slash != rest.startIndex else { return nil }
    bucket = String(rest[..<slash])
    key = String(rest[rest.index(after: slash)...])
  }

  package var description: String { "s3://\(bucket)/\(key)" }
}
