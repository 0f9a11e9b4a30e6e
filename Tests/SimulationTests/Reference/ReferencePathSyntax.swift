import Stepmill

/// The part of the path language that generated workflows use: names, indexes, and `[*]`.
struct ReferencePathSyntax {
  enum Root: Equatable {
    case data, context
    case variable(String)
  }
  enum Step: Equatable {
    case name(String)
    case index(Int)
    case all
  }

  var root = Root.data
  var steps: [Step] = []

  init(_ text: String) {
    var rest = Substring(text)
    rest.removeFirst()
    if rest.first == "$" {
      root = .context
      rest.removeFirst()
    } else if let first = rest.first, first != ".", first != "[" {
      let name = rest.prefix { $0 != "." && $0 != "[" }
      root = .variable(String(name))
      rest.removeFirst(name.count)
    }
    while let first = rest.first {
      rest.removeFirst()
      if first == "." {
        let name = rest.prefix { $0 != "." && $0 != "[" }
        steps.append(.name(String(name)))
        rest.removeFirst(name.count)
      } else {
        let inside = rest.prefix { $0 != "]" }
        rest.removeFirst(inside.count + 1)
        if inside == "*" {
          steps.append(.all)
        } else if inside.first == "'" {
          steps.append(.name(String(inside.dropFirst().dropLast())))
        } else {
          steps.append(.index(Int(inside)!))
        }
      }
    }
  }

  /// The value, or nil where there is none; a list as soon as `[*]` occurs.
  func select(in root: JSON) -> JSON? {
    guard let star = steps.firstIndex(of: .all) else { return Self.walk(root, steps[...]) }
    var found: [JSON] = []
    if let base = Self.walk(root, steps[..<star]) { spread(base, steps[(star + 1)...], &found) }
    return JSON(found)
  }

  private func spread(_ base: JSON, _ rest: ArraySlice<Step>, _ found: inout [JSON]) {
    let children = base.array.map { Array($0) } ?? base.object.map { $0.map(\.value) } ?? []
    for child in children {
      if let star = rest.firstIndex(of: .all) {
        if let value = Self.walk(child, rest[..<star]) { spread(value, rest[(star + 1)...], &found) }
      } else if let value = Self.walk(child, rest) {
        found.append(value)
      }
    }
  }

  private static func walk(_ root: JSON, _ steps: ArraySlice<Step>) -> JSON? {
    var value = root
    for step in steps {
      let next: JSON?
      switch step {
      case .name(let name): next = value[name]
      case .index(let index): next = value[index < 0 ? value.count + index : index]
      case .all: preconditionFailure("not a definite path")
      }
      guard let next else { return nil }
      value = next
    }
    return value
  }

  /// Whether only the last index leads beyond the end of an array.
  func onlyLastIndexMisses(in root: JSON) -> Bool {
    guard case .index = steps.last, !steps.contains(.all), let parent = Self.walk(root, steps.dropLast())
    else {
      return false
    }
    return parent.array != nil
  }

  /// `No results for path: $['x']`; nil where the words are not fixed.
  func missText(in root: JSON) -> String? {
    var value = root
    var path = "$"
    for (position, step) in steps.enumerated() {
      guard case .name(let name) = step, value.object != nil else { return nil }
      path += "['\(name)']"
      guard let next = value[name] else {
        return position == steps.count - 1
          ? "No results for path: \(path)" : "Missing property in path \(path)"
      }
      value = next
    }
    return nil
  }

  /// `root` with this place replaced; nil where a step leads into a scalar.
  func replacing(_ value: JSON, in root: JSON) -> JSON? { Self.replace(value, steps[...], root) }

  private static func replace(_ value: JSON, _ steps: ArraySlice<Step>, _ root: JSON) -> JSON? {
    guard let step = steps.first else { return value }
    var root = root
    switch step {
    case .name(let name):
      guard root.object != nil else { return nil }
      guard let inner = replace(value, steps.dropFirst(), root[name] ?? [:]) else { return nil }
      root[name] = inner
    case .index(let index):
      guard let old = root[index], let inner = replace(value, steps.dropFirst(), old) else { return nil }
      root[index] = inner
    case .all:
      return nil
    }
    return root
  }
}
