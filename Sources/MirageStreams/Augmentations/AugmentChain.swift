import MirageSupport
import MirageMedia

/// Consecutive augmentations, applied to each sample together.
struct AugmentChain {
  private let parts: [Augment]
  private let paths: [String]

  /// Creates a chain of augmentations, with one path for each.
  init(_ parts: [Augment], at paths: [StagePath]) {
    (self.parts, self.paths) = (parts, paths.map(\.description))
  }

  func apply(to upstream: Flow<Sample>) throws -> Flow<Sample> {
    if upstream.about.numbers == .floats {
      throw MirageError(
        .badPipeline, "\(parts[0].name) works on images of bytes, but comes after scale or normalize",
        remedy: "Put \(parts[0].name) before them.")
    }
    let (parts, paths) = (parts, paths)
    return upstream.transformed(
      about: upstream.about, stage: "\(paths[0]) (\(parts[0].name))",
      identify: { ($0.id, $0.origin.description) }
    ) { run in
      let keys = paths.map { Random.Key(seed: run.seed, path: $0) }
      return { sample in
        var index = 0
        do {
          while index < parts.count {
            let next = index + 1
            if next < parts.count,
              try parts[index].applyShowingWindow(
                of: parts[next], to: &sample, keys: (keys[index], keys[next]), paths: (paths[index], paths[next]),
                run: run)
            {
              index += 2
            } else {
              try parts[index].apply(to: &sample, key: keys[index], path: paths[index], run: run)
              index += 1
            }
          }
        } catch let error as MirageError {
          throw SampleError(
            id: sample.id, origin: sample.origin.description, stage: "\(paths[index]) (\(parts[index].name))",
            error: error)
        }
      }
    }
  }
}

/// An augmentation that warps the image by an affine map.
protocol Warping: Augmentation {
  var fill: [UInt8] { get }
  /// True if the warp is bilinear, with a constant border, and keeps the image's size.
  var isPlain: Bool { get }
  /// Returns the map from the output's points to the input's.
  func inverse(_ parameters: Parameters, height: Int, width: Int) -> AffineTransform
}

/// An augmentation that cuts a window out of the image.
protocol Windowing: Augmentation {
  /// Returns the window in an image of this size; nil if it does not fit, or if the border is not of one color.
  func window(_ parameters: Parameters, height: Int, width: Int) -> Window?
}
