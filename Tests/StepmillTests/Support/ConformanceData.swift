#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Finds and reads the conformance data, which is not part of this repository.
enum ConformanceData {
  /// `STEPMILL_CONFORMANCE`, else `../shared/conformance` beside the package.
  static let directory: String = {
    if let path = getenv("STEPMILL_CONFORMANCE") { return String(cString: path) }
    // This file lies four levels below the package's root.
    let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    return "/\(root)/../shared/conformance"
  }()

  static func exists(_ name: String) -> Bool { access("\(directory)/\(name)", R_OK) == 0 }

  static func bytes(_ name: String) -> [UInt8] {
    guard let file = fopen("\(directory)/\(name)", "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&block, 1, block.count, file)
      guard count > 0 else { return bytes }
      bytes += block[..<count]
    }
  }

  /// The lines of a file of JSON lines.
  static func lines(_ name: String) -> [[UInt8]] {
    bytes(name).split(separator: 0x0A).map(Array.init)
  }

  /// Decodes base64, which some cases use to carry bytes that are no text.
  static func base64(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for character in text.utf8 {
      let digit: UInt8
      switch character {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = character - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = character - 97 + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - 48 + 52
      case UInt8(ascii: "+"): digit = 62
      case UInt8(ascii: "/"): digit = 63
      default: continue
      }
      bits = bits << 6 | UInt32(digit)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bytes
  }
}
