// What a Map Run needs of the world around it.
//
// The engine evaluates the fields of a Distributed Map and starts its children; a delegate is
// told of them, and a storage reads datasets and writes results. A service keeps what it is
// told, so that it can be asked for; a program that embeds the runtime only has a storage.
// Without either, a Map over its own input still runs.

/// Told of Map Runs and of their children.
package protocol MapRunDelegate: AnyObject, Sendable {
  /// Reads datasets and writes results; nil: there is none.
  var mapStorage: (any MapRunStorage)? { get }

  /// A run begins, or begins once more. On the parent's loop.
  func mapRunBegan(_ run: DistributedMapRun)
  /// A run is over, its children with it.
  func mapRunEnded(_ run: DistributedMapRun)
  /// These children of a run that begins once more wait for their turn to run again.
  func mapRun(_ run: DistributedMapRun, willRedrive children: [String])
  /// Who listens to a child that is about to start, or to start again; nil: nobody.
  func listener(for child: MapRunChildInfo, of run: DistributedMapRun) -> (any ExecutionListener)?
}

extension MapRunDelegate {
  package func mapRunBegan(_ run: DistributedMapRun) {}
  package func mapRunEnded(_ run: DistributedMapRun) {}
  package func mapRun(_ run: DistributedMapRun, willRedrive children: [String]) {}
  package func listener(for child: MapRunChildInfo, of run: DistributedMapRun) -> (any ExecutionListener)? {
    nil
  }
}

/// Reads the datasets of Map Runs and writes their results.
package protocol MapRunStorage: Sendable {
  /// Opens a dataset.
  ///
  /// - Throws: What the run fails with, as a `States.ItemReaderFailed`.
  func items(_ order: MapReaderOrder) throws(TaskFailure) -> any MapItemSource

  /// Opens the place for the results of a run.
  ///
  /// - Parameter wake: Called when a sink that was behind has caught up.
  /// - Throws: What the run fails with, as a `States.ResultWriterFailed`.
  func results(
    _ order: MapWriterOrder, wake: @escaping @Sendable () -> Void
  ) throws(TaskFailure) -> any MapResultSink
}

/// What an `ItemReader` asks for, evaluated.
package struct MapReaderOrder: Sendable {
  /// `getObject` or `listObjectsV2`.
  package var action: String
  /// `Parameters` or `Arguments`: Bucket, and Key or Prefix.
  package var request: JSON
  package var config: MapReaderConfig
  /// How many items at the start are known already and not wanted again.
  package var itemsSkipped = 0
}

/// What a `ResultWriter` asks for, evaluated.
package struct MapWriterOrder: Sendable {
  /// `Parameters` or `Arguments`: Bucket and Prefix.
  package var request: JSON
  package var config: MapWriterConfig
  package var mapRunARN: String
  /// The run's UUID, which the folder of its results is called after.
  package var identifier: String
  /// Which redrive this is; 0: none.
  package var redriveCount = 0
  /// What the run had written before it was redriven.
  package var earlier: MapResultFiles?
}

/// One item of a dataset.
package struct MapItem: Sendable {
  package var value: JSON
  /// The member's name where the dataset is an object.
  package var key: String?
  /// What `Map.Item.Source` says.
  package var source: String

  package init(value: JSON, key: String? = nil, source: String) {
    self.value = value
    self.key = key
    self.source = source
  }
}

/// What a source gives when it is asked for an item.
package enum MapItemPull: Sendable {
  case item(MapItem)
  /// There are no more.
  case end
  case failed(TaskFailure)
  /// There is none yet; the source calls `wake` when it is worth asking again.
  case later
}

/// The items of a dataset, one after the other. Belongs to one run, which asks on one thread at
/// a time.
package protocol MapItemSource: AnyObject, Sendable {
  /// Gives the next item. May read from a disk, must not wait for a network.
  func next(wake: @escaping @Sendable () -> Void) -> MapItemPull
  /// Nobody will ask any more.
  func close()
}

/// Where the results of a run go as its children end.
package protocol MapResultSink: AnyObject, Sendable {
  /// Takes what became of a child.
  ///
  /// - Throws: Why it cannot be written, as a `States.ResultWriterFailed`.
  func write(_ record: MapChildRecord) throws(TaskFailure)
  /// More was taken than has been written, by so much that no child should start for now.
  var isBehind: Bool { get }
  /// Everything has been written: completes the files. Answers once, on any thread.
  func finish(_ answer: @escaping @Sendable (Result<MapResultFiles, TaskFailure>) -> Void)
  /// Drops what was not completed.
  func abandon()
}

/// The result files of a run, and where their list is.
package struct MapResultFiles: Sendable, Hashable {
  package struct File: Sendable, Hashable {
    package var key: String
    package var size: Int

    package init(key: String, size: Int) {
      self.key = key
      self.size = size
    }
  }

  package var bucket: String
  /// Of `manifest.json`.
  package var manifestKey: String
  package var succeeded: [File] = []
  package var failed: [File] = []
  package var pending: [File] = []

  package init(bucket: String, manifestKey: String) {
    self.bucket = bucket
    self.manifestKey = manifestKey
  }
}
