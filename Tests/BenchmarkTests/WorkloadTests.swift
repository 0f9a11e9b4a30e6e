import BenchmarkWorkloads
import Testing

@testable import BenchmarkSuite

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The published files of the workloads, where a development tree has them beside it.
private enum Published {
  static let directory: String = {
    if let path = unsafe getenv("STEPMILL_WORKLOADS") { return unsafe String(cString: path) }
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return "/\(root)/../shared/workloads"
  }()

  static var isThere: Bool { readBytes("\(directory)/w1.asl.json") != nil }
}

@Suite struct WorkloadTests {
  @Test(
    "Definitions and inputs are the published ones, byte for byte",
    .enabled(if: Published.isThere, "the published workloads are not beside the package"),
    arguments: Workload.all)
  func isPublished(workload: Workload) {
    let stem = "\(Published.directory)/\(workload.name.lowercased())"
    #expect(readBytes("\(stem).asl.json") == workload.definition)
    #expect(readBytes("\(stem).in.json") == workload.input)
  }

  /// Without the published files, the texts may still not change unnoticed.
  @Test("Every definition and input means what it meant", arguments: Workload.all)
  func isJSON(workload: Workload) {
    #expect(resultHash(ofJSON: workload.definition) != nil)
    #expect(resultHash(ofJSON: workload.input) != nil)
  }

  @Test("The generated catalogue has the published size and grows by the item")
  func catalogue() {
    #expect(Workload.fanOut().input.count == 204_692)
    #expect(
      Workload.fanOut(items: 1).input.starts(
        with: Array(#"{"items":[{"id":"item-000000","sku":"SKU-339563""#.utf8)))
    #expect(Workload.fanOut(items: 3).transitions == 10)
  }
}
