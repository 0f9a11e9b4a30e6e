import Testing

@testable import Stepmill

/// Proves the digests against published vectors, and at every length around the block
/// boundaries against one digest of all the digests.
@Suite struct DigestTests {
  private func text(_ digest: Digest, _ message: [UInt8]) -> String {
    message.withUnsafeBytes { bytes in
      String(unsafeUninitializedCapacity: 2 * Digest.sizeMax) { text in
        digest.hashAsText(bytes, into: UnsafeMutableRawPointer(text.baseAddress!))
        return 2 * digest.size
      }
    }
  }

  @Test(arguments: Self.vectors)
  func publishedVectors(message: String, times: Int, expected: [String]) {
    let bytes = [UInt8](String(repeating: message, count: times).utf8)
    #expect(Digest.allCases.map { text($0, bytes) } == expected)
  }

  /// Lengths 0 to 300 of the bytes 0, 1, 2, …: every padding, one to five blocks.
  @Test func everyPadding() {
    for (digest, expected) in zip(Digest.allCases, Self.digestsOfDigests) {
      var digests: [UInt8] = []
      for length in 0...300 {
        digests += text(digest, (0..<length).map { UInt8(truncatingIfNeeded: $0) }).utf8
      }
      #expect(text(digest, digests) == expected, "\(digest)")
    }
  }

  @Test func namesAreExact() {
    #expect(Digest(named: .string("MD5")) == .md5)
    #expect(Digest(named: .string("SHA-1")) == .sha1)
    #expect(Digest(named: .string("SHA-256")) == .sha256)
    #expect(Digest(named: .string("SHA-384")) == .sha384)
    #expect(Digest(named: .string("SHA-512")) == .sha512)
    #expect(Digest(named: .string("sha-256")) == nil)
    #expect(Digest(named: .string("SHA256")) == nil)
    #expect(Digest(named: .string("SHA-256 ")) == nil)
    #expect(Digest(named: .emptyString) == nil)
  }

  /// MD5, SHA-1, SHA-256, SHA-384, SHA-512 of the text, so many times over.
  static let vectors: [(String, Int, [String])] = [
    (
      "", 1,
      [
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
      ]
    ),
    (
      "a", 1,
      [
        "0cc175b9c0f1b6a831c399e269772661",
        "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8",
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "54a59b9f22b0b80880d8427e548b7c23abd873486e1f035dce9cd697e85175033caa88e6d57bc35efae0b5afd3145f31",
        "1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75",
      ]
    ),
    (
      "abc", 1,
      [
        "900150983cd24fb0d6963f7d28e17f72",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      ]
    ),
    (
      "message digest", 1,
      [
        "f96b697d7cb7938d525a2f31aaf161d0",
        "c12252ceda8be8994d5fa0290a47231c1d16aae3",
        "f7846f55cf23e14eebeab5b4e1550cad5b509e3348fbc4efa3a1413d393cb650",
        "473ed35167ec1f5d8e550368a3db39be54639f828868e9454c239fc8b52e3c61dbd0d8b4de1390c256dcbb5d5fd99cd5",
        "107dbf389d9e9f71a3a95f6c055b9251bc5268c2be16d6c13492ea45b0199f3309e16455ab1e96118e8a905d5597b72038ddb372a89826046de66687bb420e7c",
      ]
    ),
    (
      "hello", 1,
      [
        "5d41402abc4b2a76b9719d911017c592",
        "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f",
        "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
      ]
    ),
    (
      "input data", 1,
      [
        "812f45842bc6d66ee14572ce20db8e86",
        "aaff4a450a104cd177d28d18d74485e8cae074b7",
        "b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3",
        "d28a7d5cf25a74f11a50a18452b75e04bb3d70c9dd0510d6123aa008c756511b87525bdc835ebb27e1fb9e9374a15562",
        "6ce4adb348546d4f449c4d25aad9a7c9cb711d9e91982d3f0b29ca2f3f47d4ce2deba23bf2954f0f1d593fc50283731a533d30d425402d4f91316d871303aac4",
      ]
    ),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
      [
        "8215ef0796a20bcaaae116d3876c664a",
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6b0455a8520bc4e6f5fe95b1fe3c8452b",
        "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c33596fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445",
      ]
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      1,
      [
        "03dd8807a93175fb062dfb55dc7d359c",
        "a49b2446a02c645bf419f995b67091253a04a259",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
        "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039",
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
      ]
    ),
    (
      "The quick brown fox jumps over the lazy dog", 1,
      [
        "9e107d9d372bb6826bd81d3542a419d6",
        "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
        "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592",
        "ca737f1014a48f4c0b6dd43cb177b0afd9e5169367544c494011e3317dbf9a509cb1e5dc1e85a941bbee3d7f2afbc9b1",
        "07e547d9586f6a73f73fbac0435ed76951218fb7d0c8d788a309d785436bbb642e93a252a954f23912547d1e8a3b5ed6e1bfd7097821233fa0538f3db854fee6",
      ]
    ),
    (
      "1234567890", 8,
      [
        "57edf4a22be3c955ac49da2e2107b67a",
        "50abf5706a150990a08b2c5ea40fa0e585554732",
        "f371bc4a311f2b009eef952dd83ca80e2b60026c8e935592d0f9c308453c813e",
        "b12932b0627d1c060942f5447764155655bd4da0c9afa6dd9b9ef53129af1b8fb0195996d2de9ca0df9d821ffee67026",
        "72ec1ef1124a45b047e8b7c75a932195135bb61de24ec0d1914042246e0aec3a2354e093d76f3048b456764346900cb130d2a4fd5dd16abb5e30bcb850dee843",
      ]
    ),
    (
      "a", 1_000_000,
      [
        "7707d6ae4e027c70eea2a935c2296f21",
        "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985",
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
      ]
    ),
  ]

  static let digestsOfDigests = [
    "27553b92d10a763e617db79795168b4a",
    "58d80fb8dca95109cad8d60f20a5639357ad88a9",
    "d64e80cd14d5651b82fc752683de544bebae3046132ed7278785fdd2e9f3c310",
    "39745db6de58a650bea867587692cac79a09ee1476837a64bd4f1189513464d4e98ddc9e662f501544b746efa5ee1aaa",
    "dbc70089d74c37f2d9a58b00b89d6a43c2363fe932f032e7bd261715051e9f3d82b382a641bf51979ea4246ecec4915966ec497f354bffb6ef22a95b9a338338",
  ]
}
