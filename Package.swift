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
    .target(name: "BenchmarkWorkloads", path: "Benchmarks/Suite/Workloads", swiftSettings: outside),
    .target(
      name: "BenchmarkSuite",
      dependencies: ["Stepmill", "BenchmarkWorkloads", "Handwritten", "LimitUV"]
        + (hasFloor ? ["Limit"] : []),
      path: "Benchmarks/Suite/Harness", swiftSettings: withFloor),
    .executableTarget(
      name: "stepmill-benchmarks", dependencies: ["BenchmarkSuite"],
      path: "Benchmarks/Suite/Command", swiftSettings: outside),
    .testTarget(
      name: "BenchmarkTests", dependencies: ["BenchmarkSuite", "BenchmarkWorkloads", "Handwritten"],
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
  example("Service", dependencies: ["CLibuv"]),
  .executableTarget(
    name: "Embed", dependencies: ["Stepmill"], path: "Sources/Examples/Embed", swiftSettings: outside),
  .testTarget(
    name: "ExampleTests",
    dependencies: ["Order", "LoanApproval", "DeliveryAssistant", "Rows", "Service", "Embed"],
    swiftSettings: outside),
]

let package = Package(
  name: "stepmill",
  products: [
    .library(name: "Stepmill", targets: ["Stepmill"]),
    .executable(name: "stepmill", targets: ["StepmillCLI"]),
    .library(name: "StepmillSimulation", targets: ["StepmillSimulation"]),
    .library(name: "StepmillYAML", targets: ["StepmillYAML"]),
  ],
  targets: [
    .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .systemLibrary(name: "CLibyaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CIntrinsics"),
    .target(name: "Stepmill", dependencies: ["CLibuv", "CIntrinsics"], swiftSettings: common),
    .target(name: "StepmillYAML", dependencies: ["Stepmill", "CLibyaml"], swiftSettings: outside),
    .testTarget(name: "YAMLTests", dependencies: ["StepmillYAML", "Stepmill"], swiftSettings: common),
    .target(
      name: "StepmillCommands", dependencies: ["Stepmill", "StepmillYAML", "CLibuv"], swiftSettings: outside),
    .executableTarget(name: "StepmillCLI", dependencies: ["StepmillCommands"], swiftSettings: outside),
    // The tests from outside spawn the program, so it is built before them.
    .testTarget(
      name: "CommandTests", dependencies: ["StepmillCommands", "Stepmill", "StepmillCLI", "CLibuv"],
      swiftSettings: common),
    .testTarget(name: "StepmillTests", dependencies: ["Stepmill"], swiftSettings: common),
    .target(
      name: "ConformanceKit", dependencies: ["Stepmill", "StepmillServer"], path: "Tests/ConformanceKit",
      swiftSettings: outside),
    .executableTarget(
      name: "stepmill-conformance", dependencies: ["ConformanceKit"], path: "Tests/ConformanceTool",
      swiftSettings: outside),
    .testTarget(
      name: "ConformanceTests", dependencies: ["ConformanceKit"], swiftSettings: outside),
    .target(name: "StepmillSimulation", dependencies: ["Stepmill"], swiftSettings: outside),
    .target(name: "StepmillServer", dependencies: ["Stepmill"], swiftSettings: outside),
    .testTarget(
      name: "ServerTests", dependencies: ["Stepmill", "StepmillServer"], swiftSettings: outside),
    .testTarget(
      name: "SimulationTests", dependencies: ["Stepmill", "StepmillSimulation"], swiftSettings: common),
    .testTarget(
      name: "FuzzTests", dependencies: ["Stepmill", "StepmillServer"], path: "Tests/Fuzz",
      exclude: ["Corpus", "Regressions"],
      swiftSettings: common),
  ] + examples + benchmarks,
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
