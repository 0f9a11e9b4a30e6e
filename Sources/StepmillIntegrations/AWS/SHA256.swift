import COpenSSL

/// SHA-256 and HMAC by OpenSSL, which uses the processor's instructions for them.
package enum SHA256 {
  package static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 32) { result, count in
      _ = unsafe COpenSSL.SHA256(
        bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, result.baseAddress)
      count = 32
    }
  }

  package static func hash(_ bytes: [UInt8]) -> [UInt8] { unsafe bytes.withUnsafeBytes { unsafe hash($0) } }

  package static func hmac(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 32) { result, count in
      var size: UInt32 = 0
      _ = unsafe HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, result.baseAddress, &size)
      count = 32
    }
  }

  /// Lower-case hexadecimal digits.
  package static func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Whether two texts are the same, in a time that does not tell where they differ.
  package static func isSame(_ one: String, _ other: String) -> Bool {
    let (one, other) = (Array(one.utf8), Array(other.utf8))
    return unsafe one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
  }
}
