// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// What every Swift target is built with. The core's pointer rooms would drown
/// `strictMemorySafety` in noise, so that one is for the targets outside the core.
let common: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let outside: [SwiftSetting] = common + [.strictMemorySafety()]

/// The C++ floor of the benchmarks stands on simdjson (Debian: libsimdjson-dev). Without it
/// everything else builds, and the suite names the floor as skipped. Set
/// STEPMILL_WITHOUT_SIMDJSON to see that.
let hasFloor =
  Context.environment["STEPMILL_WITHOUT_SIMDJSON"] == nil
  && ["/usr/include/simdjson.h", "/usr/local/include/simdjson.h"]
    .contains { FileManager.default.fileExists(atPath: $0) }
let floor: [Target] =
  hasFloor
  ? [
    // A yardstick must not be slow: the highest level, and every instruction of the machine.
    // No product stands on this target, so the flags reach nobody who depends on the package.
    .target(
      name: "Limit", path: "Benchmarks/Limit",
      cxxSettings: [
        .unsafeFlags(["-O3", "-march=native", "-fno-exceptions", "-Wall", "-Wextra", "-Werror"])
      ],
      linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("stdc++")])
  ] : []
let withFloor: [SwiftSetting] = outside + (hasFloor ? [.define("STEPMILL_FLOOR")] : [])

let benchmarks: [Target] =
  floor + [
    .target(
      name: "LimitUV", dependencies: ["CLibuv"], path: "Benchmarks/LimitUV",
      cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "Handwritten", path: "Benchmarks/Handwritten", swiftSettings: outside),
    .target(name: "TreeWalker", path: "Benchmarks/TreeWalker", swiftSettings: outside),
    .target(name: "BenchmarkWorkloads", path: "Benchmarks/Suite/Workloads", swiftSettings: outside),
    .target(
      name: "BenchmarkSuite",
      dependencies: [
        "Stepmill", "StepmillBatch", "StepmillCommands", "StepmillGraph", "BenchmarkWorkloads", "Handwritten",
        "LimitUV", "TreeWalker",
      ]
        + (hasFloor ? ["Limit"] : []),
      path: "Benchmarks/Suite/Harness", swiftSettings: withFloor),
    // These stand in for malloc and uv_async_send: linked into programs that count, and into
    // nothing else.
    .target(name: "AllocationCounter", path: "Benchmarks/AllocationCounter"),
    .target(name: "WakeUpCounter", path: "Benchmarks/WakeUpCounter"),
    .executableTarget(
      name: "stepmill-counts",
      dependencies: ["Stepmill", "BenchmarkWorkloads", "AllocationCounter", "WakeUpCounter", "CLibuv"],
      path: "Benchmarks/Counts", swiftSettings: outside),
    .executableTarget(
      name: "stepmill-benchmarks", dependencies: ["BenchmarkSuite", "AllocationCounter"],
      path: "Benchmarks/Suite/Command", swiftSettings: outside),
    .target(
      name: "LimitHTTP", dependencies: ["CLibuv"], path: "Benchmarks/LimitHTTP",
      cSettings: [.define("_GNU_SOURCE")], linkerSettings: [.linkedLibrary("m")]),
    .executableTarget(
      name: "stepmill-http-benchmarks",
      dependencies: ["Stepmill", "StepmillHTTP", "StepmillCommands", "LimitHTTP"],
      path: "Benchmarks/HTTP", swiftSettings: common),
    .testTarget(
      name: "BenchmarkTests",
      dependencies: ["BenchmarkSuite", "BenchmarkWorkloads", "Handwritten", "StepmillCommands"],
      swiftSettings: withFloor),
  ]

/// Programs that show one thing each; their definitions are part of the binary.
func example(_ name: String, dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .executableTarget(
    name: name, dependencies: ["Stepmill"] + dependencies, path: "Sources/Examples/\(name)",
    exclude: exclude, resources: [.embedInCode("\(name).asl.json")], swiftSettings: outside)
}
let examples: [Target] = [
  example("Order", exclude: ["mocks.json"]),
  example("LoanApproval"),
  example("DeliveryAssistant"),
  example("Rows"),
  example("Batch", dependencies: ["StepmillBatch"]),
  example("Invoice"),
  example("Service", dependencies: ["CLibuv"]),
  .executableTarget(
    name: "Embed", dependencies: ["Stepmill"], path: "Sources/Examples/Embed", swiftSettings: outside),
  .executableTarget(
    name: "Expressions", dependencies: ["Stepmill"], path: "Sources/Examples/Expressions",
    swiftSettings: outside),
  .testTarget(
    name: "ExampleTests",
    dependencies: [
      "Order", "LoanApproval", "DeliveryAssistant", "Rows", "Batch", "Service", "Embed", "Expressions",
    ],
    swiftSettings: outside),
]

/// http-parser (Debian: libhttp-parser-dev) is the second opinion of the HTTP codec's tests.
/// Without it they run alone, and say so.
let hasHTTPParser = ["/usr/include/http_parser.h", "/usr/local/include/http_parser.h"]
  .contains { FileManager.default.fileExists(atPath: $0) }
let oracle: [Target] =
  hasHTTPParser ? [.systemLibrary(name: "CHTTPParser", path: "Tests/CHTTPParser")] : []
let withOracle: [Target.Dependency] = hasHTTPParser ? ["CHTTPParser"] : []

let package = Package(
  name: "stepmill",
  products: [
    .library(name: "Stepmill", targets: ["Stepmill"]),
    .executable(name: "stepmill", targets: ["StepmillCLI"]),
    .library(name: "StepmillSimulation", targets: ["StepmillSimulation"]),
    .library(name: "StepmillYAML", targets: ["StepmillYAML"]),
    .library(name: "StepmillBatch", targets: ["StepmillBatch"]),
  ],
  targets: [
    .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "CLibyaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CIntrinsics"),
    .target(name: "Stepmill", dependencies: ["CLibuv", "CIntrinsics"], swiftSettings: common),
    // Servers and clients. Debian: libssl-dev, libcurl4-openssl-dev.
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(
      name: "StepmillHTTP", dependencies: ["Stepmill", "CLibuv", "COpenSSL"], swiftSettings: outside),
    // The seam between Task states and who serves them; integrations and server stand on it.
    .target(name: "StepmillTasks", dependencies: ["Stepmill"], swiftSettings: outside),
    .target(
      name: "StepmillIntegrations",
      dependencies: [
        "Stepmill", "StepmillBatch", "StepmillHTTP", "StepmillTasks", "CLibuv", "CCurl", "COpenSSL",
      ],
      swiftSettings: outside),
    .target(name: "StepmillYAML", dependencies: ["Stepmill", "CLibyaml"], swiftSettings: outside),
    .testTarget(name: "YAMLTests", dependencies: ["StepmillYAML", "Stepmill"], swiftSettings: common),
    // Pictures and forecasts of definitions; the command line and the console draw the same coordinates.
    .target(name: "StepmillGraph", dependencies: ["Stepmill"], swiftSettings: outside),
    .testTarget(name: "GraphTests", dependencies: ["StepmillGraph", "Stepmill"], swiftSettings: common),
    // Rows from files and buckets, and workflows over them. Debian: zlib1g-dev, libzstd-dev.
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(
      name: "StepmillBatch", dependencies: ["Stepmill", "CIntrinsics", "CZlib", "CZstd"],
      swiftSettings: outside),
    .testTarget(
      name: "BatchTests", dependencies: ["StepmillBatch", "Stepmill", "CZlib", "CZstd"], swiftSettings: common
    ),
    .target(
      name: "StepmillCommands",
      dependencies: [
        "Stepmill", "StepmillBatch", "StepmillGraph", "StepmillYAML", "StepmillHTTP", "StepmillIntegrations",
        "StepmillServer", "StepmillStore", "CLibuv",
      ],
      swiftSettings: outside),
    .executableTarget(name: "StepmillCLI", dependencies: ["StepmillCommands"], swiftSettings: outside),
    // The tests from outside spawn the program, so it is built before them.
    .testTarget(
      name: "CommandTests", dependencies: ["StepmillCommands", "Stepmill", "StepmillCLI", "CLibuv"],
      swiftSettings: common),
    .target(name: "HeapCounter", path: "Tests/HeapCounter"),
    .testTarget(name: "StepmillTests", dependencies: ["Stepmill", "HeapCounter"], swiftSettings: common),
    .target(
      name: "ConformanceKit", dependencies: ["Stepmill", "StepmillBatch", "StepmillServer", "StepmillYAML"],
      path: "Tests/ConformanceKit",
      swiftSettings: outside),
    .executableTarget(
      name: "stepmill-conformance", dependencies: ["ConformanceKit"], path: "Tests/ConformanceTool",
      swiftSettings: outside),
    .testTarget(
      name: "ConformanceTests", dependencies: ["ConformanceKit"], swiftSettings: outside),
    .target(name: "StepmillSimulation", dependencies: ["Stepmill"], swiftSettings: outside),
    // What the server remembers, on disk. Debian: libsqlite3-dev.
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .target(
      name: "StepmillStore", dependencies: ["Stepmill", "StepmillServer", "CSQLite"], swiftSettings: outside),
    .executableTarget(
      name: "stepmill-store", dependencies: ["Stepmill", "StepmillServer", "StepmillStore"],
      path: "Tests/StoreTool", swiftSettings: outside),
    .testTarget(
      name: "StoreTests", dependencies: ["Stepmill", "StepmillServer", "StepmillStore", "stepmill-store"],
      swiftSettings: outside),
    .target(
      name: "StepmillServer",
      dependencies: ["Stepmill", "StepmillBatch", "StepmillHTTP", "StepmillTasks", "CIntrinsics"],
      swiftSettings: outside),
    .testTarget(
      name: "ServerTests", dependencies: ["Stepmill", "StepmillBatch", "StepmillServer"],
      swiftSettings: outside),
    .testTarget(
      name: "SimulationTests", dependencies: ["Stepmill", "StepmillGraph", "StepmillSimulation"],
      swiftSettings: common),
    .testTarget(
      name: "HTTPTests", dependencies: ["StepmillHTTP", "Stepmill"], swiftSettings: common),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "StepmillIntegrations", "StepmillServer", "StepmillTasks", "StepmillHTTP", "StepmillBatch",
        "Stepmill",
      ],
      swiftSettings: common),
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "Stepmill", "StepmillGraph", "StepmillHTTP", "StepmillIntegrations", "StepmillServer",
        "StepmillBatch",
      ]
        + withOracle,
      path: "Tests/Fuzz",
      exclude: ["Corpus", "Regressions"],
      swiftSettings: common),
  ] + examples + benchmarks + oracle,
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
