import Stepmill

extension Runtime {
  /// Lets directories serve as the S3 buckets that Distributed Maps of this runtime read from and
  /// write to: the object `a/b.csv` is the file `b.csv` in the directory `a`. Replaces what was
  /// given before.
  ///
  /// - Parameter directories: Paths of directories, which must exist, by the buckets' names.
  /// - Throws: Why a directory cannot be used.
  public func useBuckets(_ directories: [String: String]) throws(StepmillError) {
    mapRunStorage = try BucketStorage(directories: directories, onThreads: true)
  }
}

extension BucketStorage {
  /// Directories by the buckets' names.
  package convenience init(directories: [String: String], onThreads: Bool = false) throws(StepmillError) {
    var buckets: [String: any Bucket] = [:]
    do throws(BucketError) {
      for (name, path) in directories { buckets[name] = try DirectoryBucket(path) }
    } catch {
      throw StepmillError.system(error.message)
    }
    self.init(buckets, onThreads: onThreads)
  }
}
