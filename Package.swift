// swift-tools-version: 6.1
import PackageDescription

// Module names are global in a build, so all but the umbrella and the C modules have a prefix. Each target lists what it
// imports beyond the imports of its dependencies.
let package = Package(
  name: "Mirage",
  products: [
    // Everything.
    .library(name: "Mirage", targets: ["Mirage"]),
    // Datasets and augmentations, without oneDNN and OpenBLAS.
    .library(name: "MirageStreams", targets: ["MirageStreams"]),
    // Tensors, layers, optimizers and checkpoints alone.
    .library(name: "MirageNetworks", targets: ["MirageNetworks"]),
    .executable(name: "mirage", targets: ["mirage-cli"]),
  ],
  dependencies: [
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    // Only `make docs` builds it.
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0"),
  ],
  targets: [
    .systemLibrary(name: "CMedia"),
    .target(name: "CPNG", linkerSettings: [.linkedLibrary("png")]),
    .target(name: "CKernels"),
    .systemLibrary(name: "CNumerics"),
    .target(name: "MirageSupport", dependencies: ["CMedia"]),
    .target(name: "MirageMedia", dependencies: ["MirageSupport", "CPNG", "CKernels"]),
    .target(name: "MirageReports", dependencies: ["MirageMedia"]),
    .target(name: "MirageStreams", dependencies: ["MirageMedia"]),
    .target(name: "MirageTensors", dependencies: ["MirageSupport", "CNumerics", "CKernels"]),
    .target(name: "MirageNetworks", dependencies: ["MirageTensors"]),
    .target(name: "MirageLearning", dependencies: ["MirageStreams", "MirageNetworks", "MirageReports"]),
    .target(name: "MirageAdversarial", dependencies: ["MirageLearning"]),
    .target(name: "MirageEvaluation", dependencies: ["MirageLearning"]),
    .target(name: "MirageSynthesis", dependencies: ["MirageAdversarial", "MirageEvaluation"]),
    .target(name: "Mirage", dependencies: ["MirageSynthesis", .product(name: "Yams", package: "Yams")]),
    .executableTarget(
      name: "mirage-cli",
      dependencies: ["Mirage", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(
      name: "mirage-bench", dependencies: ["Mirage"], path: "Benchmarks", exclude: ["Peers", "results.json"]),
    .executableTarget(name: "mirage-fuzz", dependencies: ["Mirage", "StreamsTestSupport"], path: "Tests/Fuzz"),
    // What tests share: files and processes; datasets; and checks of networks.
    .target(name: "TestSupport", dependencies: ["MirageSupport"], path: "Tests/Support"),
    .target(name: "StreamsTestSupport", dependencies: ["MirageStreams", "TestSupport"], path: "Tests/StreamsSupport"),
    .target(
      name: "NetworksTestSupport", dependencies: ["MirageNetworks", "TestSupport"], path: "Tests/NetworksSupport"),
    .testTarget(name: "MirageSupportTests", dependencies: ["TestSupport"]),
    .testTarget(name: "MirageMediaTests", dependencies: ["MirageMedia", "TestSupport"]),
    .testTarget(name: "MirageReportsTests", dependencies: ["MirageReports", "TestSupport"]),
    .testTarget(name: "MirageStreamsTests", dependencies: ["StreamsTestSupport"]),
    .testTarget(name: "MirageTensorsTests", dependencies: ["MirageTensors", "TestSupport"]),
    .testTarget(name: "MirageNetworksTests", dependencies: ["NetworksTestSupport"]),
    .testTarget(name: "MirageLearningTests", dependencies: ["MirageLearning", "StreamsTestSupport"]),
    .testTarget(
      name: "MirageAdversarialTests", dependencies: ["MirageAdversarial", "StreamsTestSupport", "NetworksTestSupport"]),
    .testTarget(
      name: "MirageEvaluationTests", dependencies: ["MirageEvaluation", "StreamsTestSupport", "NetworksTestSupport"]),
    .testTarget(name: "MirageSynthesisTests", dependencies: ["MirageSynthesis", "StreamsTestSupport"]),
    .testTarget(name: "MirageTests", dependencies: ["Mirage", "StreamsTestSupport", "mirage-cli"]),
  ],
  swiftLanguageModes: [.v6]
)
