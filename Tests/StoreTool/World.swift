import Stepmill
import StepmillServer
import StepmillStore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A service on two loops, and how to call it.
struct World {
  static let scope = Scope(region: "us-east-1", account: "123456789012")
  static let prefix = "arn:aws:states:us-east-1:123456789012:"
  let runtime: Runtime
  let service: StepFunctionsService

  init(_ store: any Store) throws {
    var configuration = Runtime.Configuration()
    configuration.loops = 2
    runtime = try Runtime(configuration)
    service = StepFunctionsService(
      host: runtime, store: store, identifiers: IdentifierSource(seed: UInt64.random(in: 0 ... .max)))
  }

  /// Calls an operation and waits for its answer.
  @discardableResult
  func call(_ operation: String, _ parameters: JSON) -> (status: Int, body: JSON) {
    let gate = Gate()
    let slot = Mutex<APIAnswer?>(nil)
    let box = Box(slot)
    service.handle(operation, body: parameters.utf8, scope: Self.scope) { answer in
      box.slot.withLock { $0 = answer }
      gate.open()
    }
    gate.wait()
    let answer = box.slot.withLock { $0 }
    return (answer?.status ?? 0, answer.flatMap { try? JSON(parsing: $0.body) } ?? .null)
  }

  private final class Box: Sendable {
    let slot: Mutex<APIAnswer?>
    init(_ slot: consuming Mutex<APIAnswer?>) { self.slot = slot }
  }

  func create(_ name: String, _ definition: String) {
    call(
      "CreateStateMachine",
      [
        "name": JSON(name), "definition": JSON(definition), "roleArn": "arn:aws:iam::123456789012:role/r",
      ])
  }

  static let pass =
    #"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},"C":{"Type":"Pass","End":true}}}"#
  static let wait = #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}"#

  func shutDown() {
    let gate = Gate()
    Task { [runtime] in
      await runtime.shutDown(waiting: .zero)
      gate.open()
    }
    gate.wait()
  }
}

/// Opened once.
@safe final class Gate: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  init() {
    unsafe semaphore = .allocate(capacity: 1)
    unsafe sem_init(semaphore, 0, 0)
  }

  deinit {
    unsafe sem_destroy(semaphore)
    unsafe semaphore.deallocate()
  }

  func open() { unsafe sem_post(semaphore) }
  func wait() { while unsafe sem_wait(semaphore) != 0 {} }
}

enum Clock {
  static var seconds: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// A directory that is removed when nobody needs it any more.
final class TemporaryDirectory {
  let path: String

  init() {
    var template = Array(
      (unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp").utf8CString.dropLast())
    template += "/stepmill-store-XXXXXX".utf8CString
    path = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
  }

  deinit {
    for name in ["stepmill.db", "stepmill.db-wal", "stepmill.db-shm", "lock", "acknowledged"] {
      unsafe unlink(path + "/" + name)
    }
    unsafe rmdir(path)
  }
}
