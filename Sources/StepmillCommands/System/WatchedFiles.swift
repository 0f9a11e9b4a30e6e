#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What tells whether files have changed: their places, sizes and times. Looking is cheap, works on every file
/// system, and does not care how an editor saves; the systems' own notices do none of that reliably.
struct WatchedFiles: Equatable {
  private struct Mark: Equatable {
    var size: Int
    var seconds: Int
    var nanoseconds: Int
    var file: UInt64
  }

  private var marks: [String: Mark] = [:]

  init(_ operands: [String]) {
    for operand in operands {
      if FileKind.of(operand) == .directory {
        var walk = DirectoryWalk()
        walk.visit(operand)
        for path in walk.files { add(path) }
      } else {
        add(operand)
      }
    }
  }

  private mutating func add(_ path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return }
    marks[path] = Mark(
      size: Int(status.st_size), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
      file: UInt64(status.st_ino))
  }
}
