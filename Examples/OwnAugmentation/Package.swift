// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "OwnAugmentation",
  dependencies: [.package(name: "Mirage", path: "../..")],
  targets: [
    .executableTarget(name: "own-mirage", dependencies: [.product(name: "Mirage", package: "Mirage")]),
    // The code of README.md and of the articles, which thereby uses nothing but what is public.
    .target(name: "articles", dependencies: [.product(name: "Mirage", package: "Mirage")]),
    // Datasets and augmentations alone: it needs neither oneDNN nor OpenBLAS.
    .executableTarget(name: "streams-only", dependencies: [.product(name: "MirageStreams", package: "Mirage")]),
  ]
)
