/// An account in a region: nothing in one scope is seen from another.
package struct Scope: Hashable, Sendable {
  package let region: String
  package let account: String

  package init(region: String, account: String) {
    self.region = region
    self.account = account
  }

  /// The partition that the region belongs to.
  package var partition: String {
    if region.hasPrefix("cn-") { return "aws-cn" }
    if region.hasPrefix("us-gov-") { return "aws-us-gov" }
    return "aws"
  }
}
