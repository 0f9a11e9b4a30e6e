import Testing

@testable import Stepmill

/// Proves the layout that everything else counts on.
@Suite struct ValueTests {
  @Test func sizes() {
    #expect(MemoryLayout<Value>.size == 16)
    #expect(MemoryLayout<Member>.size == 32)
  }

  @Test func lookupFindsByNameWhateverTheFlags() {
    let members = UnsafeMutablePointer<Member>.allocate(capacity: 2)
    defer { members.deallocate() }
    members[0] = Member(key: .key("a"), value: .integer(1))
    members[1] = Member(key: .key("orderId"), value: .true)
    let object = Value.object(members, count: 2)
    #expect(object.member(named: "a").integerValue == 1)
    #expect(object.member(named: "orderId").tag == .true)
    #expect(object.member(named: "b").isMissing)
    #expect(Value.null.member(named: "a").isMissing)
  }
}
