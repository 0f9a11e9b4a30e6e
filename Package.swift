// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is built with. The core's pointer rooms would drown
/// `strictMemorySafety` in noise, so that one is for the targets outside the core.
let common: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let outside: [SwiftSetting] = common + [.strictMemorySafety()]

let package = Package(
  name: "stepmill",
  products: [
    .library(name: "Stepmill", targets: ["Stepmill"]),
    .library(name: "StepmillSimulation", targets: ["StepmillSimulation"]),
  ],
  targets: [
    .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .target(name: "CIntrinsics"),
    .target(name: "Stepmill", dependencies: ["CLibuv", "CIntrinsics"], swiftSettings: common),
    .target(name: "StepmillSimulation", dependencies: ["Stepmill"], swiftSettings: outside),
    .testTarget(name: "StepmillTests", dependencies: ["Stepmill"], swiftSettings: common),
    .testTarget(
      name: "SimulationTests", dependencies: ["Stepmill", "StepmillSimulation"], swiftSettings: common),
  ],
  swiftLanguageModes: [.v6]
)
