/// How a task's `Resource` may be named by those who register handlers.
package enum HandlerName {
  /// The resource as written and, where it is a function's ARN, the function's name.
  package static func aliases(of resource: String) -> [String] {
    let parts = resource.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count >= 7, parts[0] == "arn", parts[2] == "lambda", parts[5] == "function" {
      return [resource, String(parts[6])]
    }
    return [resource]
  }

  /// Whether a name fits a pattern in which `*` stands for any text.
  package static func matches(_ name: String, pattern: String) -> Bool {
    var name = name
    var pattern = pattern
    return name.withUTF8 { name in
      pattern.withUTF8 { pattern in
        WildcardPattern.matches(UnsafeRawBufferPointer(name), pattern: UnsafeRawBufferPointer(pattern))
      }
    }
  }
}
