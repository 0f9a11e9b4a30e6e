import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The definitions that `validate` and `lint` are asked about: files, the standard input, and
// whatever looks like a definition below a directory. What cannot be read is a finding like
// any other, and keeps nobody from being looked at.

/// A definition's text, or why there is none.
struct DefinitionSource {
  /// As people are shown it.
  let name: String
  let text: Result<[UInt8], SystemError>

  /// - Parameter path: `-` stands for the standard input.
  static func read(_ path: String, _ terminal: Terminal) -> DefinitionSource {
    do throws(SystemError) {
      if path == "-" { return DefinitionSource(name: "<stdin>", text: .success(try terminal.readInput())) }
      return DefinitionSource(name: path, text: .success(try InputFile.read(path)))
    } catch {
      return DefinitionSource(name: path == "-" ? "<stdin>" : path, text: .failure(error))
    }
  }

  /// Reads what operands name, directories taken apart, each file once and in the order of names.
  static func all(_ operands: [String], _ terminal: Terminal) -> [DefinitionSource] {
    var sources: [DefinitionSource] = []
    var seen: Set<String> = []
    for operand in operands where seen.insert(operand).inserted {
      guard operand != "-", FileKind.of(operand) == .directory else {
        sources.append(read(operand, terminal))
        continue
      }
      var walk = DirectoryWalk()
      walk.visit(operand)
      for path in walk.files where seen.insert(path).inserted {
        let source = read(path, terminal)
        if case .success(let text) = source.text, !isDefinition(path, text) { continue }
        sources.append(source)
      }
      sources += walk.unreadable.map { DefinitionSource(name: $0.path, text: .failure($0.error)) }
    }
    return sources
  }

  /// A file in a directory counts if its name says so, or if it holds a definition's first two words. Templates of
  /// CloudFormation may hold definitions, and are none.
  private static func isDefinition(_ path: String, _ text: [UInt8]) -> Bool {
    let parts = path.split(separator: ".")
    if parts.last == "asl" || parts.dropLast().last == "asl" { return true }
    if parts.last == "json" { return contains(text, "\"StartAt\"") && contains(text, "\"States\"") }
    return contains(text, "StartAt:") && contains(text, "States:") && !contains(text, "Resources:")
  }

  private static func contains(_ text: [UInt8], _ word: String) -> Bool {
    let word = Array(word.utf8)
    guard let first = word.first else { return true }
    var rest = text[...]
    while let start = rest.firstIndex(of: first) {
      rest = rest[start...]
      if rest.starts(with: word) { return true }
      rest = rest.dropFirst()
    }
    return false
  }
}

enum FileKind {
  case file, directory, missing

  static func of(_ path: String) -> FileKind {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return .missing }
    return status.st_mode & S_IFMT == S_IFDIR ? .directory : .file
  }
}

/// Every file below a directory that could be a definition. Links to directories are not followed, so there
/// are no circles.
struct DirectoryWalk {
  private(set) var files: [String] = []
  private(set) var unreadable: [(path: String, error: SystemError)] = []

  /// In words.
  static let whatCounts =
    "in a directory files that end in .asl, .asl.json or .asl.yaml count, and other JSON and YAML with "
    + "StartAt and States"

  private static let depthMax = 64
  private static let suffixes = [".json", ".asl", ".yaml", ".yml"]

  mutating func visit(_ path: String) { visit(path, depth: 0) }

  private mutating func visit(_ path: String, depth: Int) {
    guard let directory = unsafe opendir(path) else {
      unreadable.append((path, SystemError(code: errno)))
      return
    }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe Self.name(of: entry)
      // Hidden ones are tools' own, and there are trees of dependencies that nobody means.
      if !name.hasPrefix("."), name != "node_modules" { names.append(name) }
    }
    unsafe closedir(directory)
    let prefix = path.hasSuffix("/") ? path : path + "/"
    for name in names.sorted() {
      let child = prefix + name
      var status = stat()
      guard unsafe lstat(child, &status) == 0 else { continue }
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      if isDirectory, depth < Self.depthMax {
        visit(child, depth: depth + 1)
      } else if !isDirectory, Self.suffixes.contains(where: { name.hasSuffix($0) }),
        FileKind.of(child) != .directory
      {
        files.append(child)
      }
    }
  }

  private static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
    unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
      unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
    }
  }
}
