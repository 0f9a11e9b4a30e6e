import Stepmill

/// The items of a dataset in a bucket, read in pages, some pages ahead of the run.
///
/// Who may touch what: the run asks on one thread at a time, and `page`, `next` and `left` are
/// its own. One filling at a time uses the dataset. What both know of is behind the lock; a page
/// is the run's, the filling's, or waits in one of the two lists.
final class BucketItems: MapItemSource, @unchecked Sendable {
  private let dataset: BucketDataset
  private let onThreads: Bool
  private let inPlace = InlineExecutor()
  private var page: Page?
  private var next = 0
  /// Items to be passed over.
  private var left: Int
  private let state = Lock(State())

  private struct State {
    var ready: [Page] = []
    var spare: [Page] = []
    var isFilling = false
    /// What fills, to be given up when nobody asks any more.
    var filling: Task<Void, Never>?
    var isClosed = false
    /// The run waits to be told that there are rows.
    var wake: (@Sendable () -> Void)?
    var hasEnded = false
    var failure: TaskFailure?

    var mayFill: Bool { !isFilling && !hasEnded && failure == nil && !isClosed }
  }

  /// Rows that come from the same place.
  private final class Page: @unchecked Sendable {
    var rows = RowBuffer(rowsMax: 256, bytesMax: 1 << 16)
    var source = ""
    var areMembers = false
  }

  /// Pages that wait for the run, at most: together half a megabyte of short rows.
  private static let pagesAhead = 8

  init(
    _ request: DatasetRequest, skipping: Int, onThreads: Bool, _ resolve: @escaping BucketStorage.Resolve
  ) {
    dataset = BucketDataset(request, resolve: resolve)
    left = skipping
    self.onThreads = onThreads
  }

  // MARK: The run

  func next(wake: @escaping @Sendable () -> Void) -> MapItemPull {
    while true {
      if let page {
        let passed = min(left, page.rows.rowCount - next)
        left -= passed
        next += passed
        if next < page.rows.rowCount { return item(of: page) }
      }
      switch turn(wake) {
      case .page(let page):
        self.page = page
        next = 0
      case .wait: return .later
      case .fill: fill()
      case .end: return .end
      case .failed(let failure): return .failed(failure)
      }
    }
  }

  private enum Turn {
    case page(Page)
    case wait, fill, end
    case failed(TaskFailure)
  }

  /// What comes behind the page that has been read.
  private func turn(_ wake: @escaping @Sendable () -> Void) -> Turn {
    let (turn, fillsOn) = state.withLock { state -> (Turn, Bool) in
      if let done = page {
        page = nil
        done.rows.removeAll()
        state.spare.append(done)
      }
      if !state.ready.isEmpty {
        let page = state.ready.removeFirst()
        // Not for each page: what is read comes in larger pieces.
        let fillsOn = onThreads && state.mayFill && state.ready.count <= Self.pagesAhead / 2
        if fillsOn { state.isFilling = true }
        return (.page(page), fillsOn)
      }
      if let failure = state.failure { return (.failed(failure), false) }
      if state.hasEnded || state.isClosed { return (.end, false) }
      if state.isFilling {
        state.wake = wake
        return (.wait, false)
      }
      state.isFilling = true
      return (.fill, false)
    }
    if fillsOn { fill() }
    return turn
  }

  private func item(of page: Page) -> MapItemPull {
    defer { next += 1 }
    do throws(JSONSyntaxError) {
      let row = try page.rows.json(next)
      guard page.areMembers, let value = row["Value"] else {
        return .item(MapItem(value: row, source: page.source))
      }
      return .item(MapItem(value: value, key: row["Key"]?.string, source: page.source))
    } catch {
      return .failed(
        TaskFailure(
          error: "States.ItemReaderFailed", cause: "An item of \(page.source) is not JSON: \(error)"))
    }
  }

  func close() {
    let filling = state.withLock { state in
      state.isClosed = true
      state.wake = nil
      state.ready = []
      defer { state.filling = nil }
      return state.filling
    }
    filling?.cancel()
  }

  // MARK: Filling

  /// Reads pages: ahead, until there are enough; or one, at once where the bucket answers at once.
  private func fill() {
    let task =
      onThreads
      ? Task(executorPreference: BucketThreads.shared) { [self] in await fillPages() }
      : inPlace.run { [self] in await fillPages() }
    let isClosed = state.withLock { state in
      if state.isFilling { state.filling = task }
      return state.isClosed
    }
    if isClosed { task.cancel() }
  }

  private func fillPages() async {
    var goesOn = true
    while goesOn {
      let page = state.withLock { $0.spare.popLast() } ?? Page()
      var failure: TaskFailure?
      var hasMore = false
      do throws(RowError) {
        hasMore = try await dataset.next(into: &page.rows)
      } catch {
        failure = TaskFailure(error: "States.ItemReaderFailed", cause: error.message)
      }
      page.source = dataset.source
      page.areMembers = dataset.yieldsMembers
      goesOn = add(page, hasMore, failure)
    }
  }

  /// Takes a page that has been filled; says whether another one is wanted.
  private func add(_ page: Page, _ hasMore: Bool, _ failure: TaskFailure?) -> Bool {
    let (goesOn, wake) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
      if !page.rows.isEmpty, !state.isClosed { state.ready.append(page) }
      state.hasEnded = !hasMore
      state.failure = failure
      state.isFilling =
        onThreads && hasMore && failure == nil && !state.isClosed && state.ready.count < Self.pagesAhead
      if !state.isFilling { state.filling = nil }
      defer { state.wake = nil }
      return (state.isFilling, state.wake)
    }
    wake?()
    return goesOn
  }
}
