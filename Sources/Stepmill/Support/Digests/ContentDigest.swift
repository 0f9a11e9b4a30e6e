/// Digests as text, for those who stand on the core.
package enum ContentDigest {
  /// What S3 tags the content of an object with.
  package static func md5(_ content: UnsafeRawBufferPointer) -> String { text(.md5, content) }

  package static func sha256(_ content: UnsafeRawBufferPointer) -> String { text(.sha256, content) }

  private static func text(_ digest: Digest, _ content: UnsafeRawBufferPointer) -> String {
    let text = [UInt8](unsafeUninitializedCapacity: digest.size * 2) { text, count in
      digest.hashAsText(content, into: UnsafeMutableRawPointer(text.baseAddress.unsafelyUnwrapped))
      count = digest.size * 2
    }
    return String(decoding: text, as: UTF8.self)
  }
}
