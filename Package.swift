// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is built with. The core's pointer rooms would drown
/// `strictMemorySafety` in noise, so that one is for the targets outside the core.
let common: [SwiftSetting] = [.treatAllWarnings(as: .error)]
let outside: [SwiftSetting] = common + [.strictMemorySafety()]

let package = Package(
  name: "stepmill",
  products: [
    .library(name: "Stepmill", targets: ["Stepmill"])
  ],
  targets: [
    .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
    .target(name: "CIntrinsics"),
    .target(name: "Stepmill", dependencies: ["CLibuv", "CIntrinsics"], swiftSettings: common),
    .testTarget(name: "StepmillTests", dependencies: ["Stepmill"], swiftSettings: common),
  ],
  swiftLanguageModes: [.v6]
)
