// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "Mirage",
  products: [
    .library(name: "Mirage", targets: ["Mirage"]),
    .executable(name: "mirage", targets: ["mirage-cli"]),
  ],
  dependencies: [
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
  ],
  targets: [
    .systemLibrary(name: "CMedia"),
    .target(name: "CPNG", linkerSettings: [.linkedLibrary("png")]),
    .target(name: "CKernels"),
    .target(name: "Foundations", dependencies: ["CMedia"]),
    .systemLibrary(name: "CNumerics"),
    .target(name: "Tensors", dependencies: ["CNumerics", "CKernels", "Foundations"]),
    .target(name: "Networks", dependencies: ["Foundations", "Tensors"]),
    .target(name: "Media", dependencies: ["CMedia", "CPNG", "CKernels", "Foundations"]),
    .target(name: "Streams", dependencies: ["Foundations", "Media"]),
    .target(name: "Evaluation", dependencies: ["Foundations", "Media", "Networks", "Streams", "Tensors"]),
    .target(name: "Synthesis", dependencies: ["Foundations", "Media", "Streams"]),
    .target(
      name: "Mirage",
      dependencies: [
        "Evaluation", "Foundations", "Media", "Networks", "Streams", "Tensors", .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "mirage-cli",
      dependencies: ["Mirage", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(
      name: "mirage-bench", dependencies: ["Mirage", "CMedia"], path: "Benchmarks", exclude: ["Peers", "results.json"]),
    .executableTarget(name: "mirage-fuzz", dependencies: ["Mirage", "TestSupport"], path: "Tests/Fuzz"),
    .target(name: "TestSupport", dependencies: ["Mirage"], path: "Tests/Support"),
    .testTarget(name: "FoundationsTests", dependencies: ["Foundations", "TestSupport"]),
    .testTarget(name: "TensorsTests", dependencies: ["CKernels", "Tensors", "TestSupport"]),
    .testTarget(name: "NetworksTests", dependencies: ["Networks", "TestSupport"]),
    .testTarget(name: "MediaTests", dependencies: ["CKernels", "Media", "TestSupport"]),
    .testTarget(name: "StreamsTests", dependencies: ["Streams", "TestSupport"]),
    .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "TestSupport"]),
    .testTarget(name: "SynthesisTests", dependencies: ["Synthesis", "TestSupport"]),
    .testTarget(name: "MirageTests", dependencies: ["Mirage", "TestSupport", "mirage-cli"]),
  ],
  swiftLanguageModes: [.v6]
)
