import MirageAdversarial
import MirageSupport
import Glibc
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageTensors

/// Pictures of samples from a trained GAN.
package enum SampleGrid {
  /// Generates a grid of samples with a column for each class, or ten columns if the model has no classes.
  ///
  /// - Parameters:
  ///   - model: trained GAN.
  ///   - classes: classes by name or index; all if empty.
  ///   - rows: number of rows.
  ///   - truncation: standard deviation of normal latents, or bound of uniform ones.
  ///   - seed: random seed of the latents.
  /// - Throws: bad pipeline if a class is unknown; bad data if the weights do not fit.
  @TensorActor
  package static func samples(
    of model: ModelFile, classes: [String], rows: Int, truncation: Double, seed: UInt64
  ) throws -> Image {
    let labels = try labels(classes, model)
    let columns = model.configuration.classes.isEmpty ? 10 : labels.count
    var random = Random(key: Random.Key(seed: seed, path: "grid"), sample: 0)
    let latents = model.configuration.latents(rows * columns, truncation: Float(truncation), using: &random)
    let generator = try model.generator()
    let images = generator(latents, (0..<rows * columns).map { labels[$0 % labels.count] }, .inference)
    return ImageGrid(model.coding.images(images), columns: columns).image
  }

  /// Interpolates between two latents, with a row for each class: along the sphere for normal latents (White 2016), or
  /// on a straight line for uniform ones. `first` and `last` are the random seeds of the latents at the ends, and
  /// `frames` is the number of images in a row, ends included, at least 2.
  /// - Throws: as `samples`.
  @TensorActor
  package static func interpolation(
    of model: ModelFile, classes: [String], from first: UInt64, to last: UInt64, frames: Int, truncation: Double
  ) throws -> Image {
    let labels = try labels(classes, model)
    let ends = [first, last].map { seed in
      var random = Random(key: Random.Key(seed: seed, path: "interpolation"), sample: 0)
      return model.configuration.latents(1, truncation: Float(truncation), using: &random).values.map { Double($0) }
    }
    func length(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let cosine = zip(ends[0], ends[1]).reduce(0) { $0 + $1.0 * $1.1 } / (length(ends[0]) * length(ends[1]))
    let angle = acos(max(-1, min(1, cosine)))
    let isStraight = model.configuration.model.latents == .uniform || sin(angle) < 1e-6
    let latents = (0..<frames).flatMap { frame -> [Float] in
      let fraction = Double(frame) / Double(frames - 1)
      let (a, b) =
        isStraight
        ? (1 - fraction, fraction)
        : (sin((1 - fraction) * angle) / sin(angle), sin(fraction * angle) / sin(angle))
      return zip(ends[0], ends[1]).map { Float(a * $0 + b * $1) }
    }
    let row = Tensor(latents, shape: [frames, model.configuration.model.latent])
    let generator = try model.generator()
    let images = labels.flatMap { label in
      model.coding.images(generator(row, [Int](repeating: label, count: frames), .inference))
    }
    return ImageGrid(images, columns: frames).image
  }

  private static func labels(_ names: [String], _ model: ModelFile) throws -> [Int] {
    let classes = model.configuration.classes
    if classes.isEmpty {
      guard names.isEmpty else {
        throw MirageError(.usage, "the model knows no classes", file: model.path, remedy: "Leave --class out.")
      }
      return [0]
    }
    return names.isEmpty
      ? Array(classes.indices) : try names.map { try classIndex($0, among: classes, stage: "--class") }
  }
}
