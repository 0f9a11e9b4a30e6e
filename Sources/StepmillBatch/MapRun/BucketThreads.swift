import Stepmill

/// Threads on which datasets are read and decompressed and results are written, so that neither a
/// slow disk nor a large archive holds up the executions of a loop.
///
/// All readers and writers of a process share them: there may be a thousand Map Runs, each of
/// which reads only a little ahead. A thread that finds nothing to do for some seconds ends.
final class BucketThreads: TaskExecutor, @unchecked Sendable {
  // Who may touch what: everything is behind the monitor.
  private let monitor = Monitor()
  private var jobs: [UnownedJob] = []
  private var threads = 0
  private var idle = 0
  private let threadsMax: Int
  private let idleNanoseconds: UInt64

  static let shared = BucketThreads()

  init(threadsMax: Int = 4, idleNanoseconds: UInt64 = 5_000_000_000) {
    self.threadsMax = threadsMax
    self.idleNanoseconds = idleNanoseconds
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let needsThread = monitor.locked {
      jobs.append(job)
      guard jobs.count > idle, threads < threadsMax else { return false }
      threads += 1
      return true
    }
    monitor.signal()
    guard needsThread else { return }
    do throws(Thread.StartError) {
      _ = try Thread(name: "stepmill-data") { [self] in work() }
    } catch {
      // Where the system has none left, the caller does what no other thread does.
      let isLast = monitor.locked {
        threads -= 1
        return threads == 0
      }
      if isLast { while let job = monitor.locked({ takeFirst() }) { run(job) } }
    }
  }

  private func work() {
    while let job = next() { run(job) }
  }

  private func run(_ job: UnownedJob) { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }

  /// Waits for a job; nil: none has come for so long that the thread ends.
  private func next() -> UnownedJob? {
    monitor.locked {
      let deadline = Monitor.now &+ idleNanoseconds
      idle += 1
      defer { idle -= 1 }
      while jobs.isEmpty {
        guard Monitor.now < deadline else {
          threads -= 1
          return nil
        }
        monitor.wait(untilNanoseconds: deadline)
      }
      return takeFirst()
    }
  }

  private func takeFirst() -> UnownedJob? { jobs.isEmpty ? nil : jobs.removeFirst() }
}
