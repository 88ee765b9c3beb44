import MirageAdversarial
import MirageSupport
import Glibc
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageTensors

/// Pictures of a generator's samples.
public enum SampleGrid {
  /// A grid on white with a gap between cells; small images are enlarged by a whole number.
  ///
  /// - Parameter cells: row by row, all of one size.
  public static func draw(_ cells: [Image], columns: Int) -> Image {
    let (height, width) = (cells[0].height, cells[0].width)
    let zoom = max(1, 56 / max(height, width))
    let (tall, wide, gap) = (height * zoom, width * zoom, 2)
    let rows = (cells.count + columns - 1) / columns
    var sheet = Image(
      height: rows * (tall + gap) + gap, width: columns * (wide + gap) + gap, channels: 3, fill: [255])
    for (index, cell) in cells.enumerated() {
      let picture = cell.converted(to: .rgb).resized(height: tall, width: wide, interpolation: .nearest)
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      for y in 0..<tall {
        let to = ((gap + row * (tall + gap) + y) * sheet.width + gap + column * (wide + gap)) * 3
        sheet.pixels.replaceSubrange(
          to..<to + picture.stride, with: picture.pixels[y * picture.stride..<(y + 1) * picture.stride])
      }
    }
    return sheet
  }
}

extension SampleGrid {
  /// A column for each class, or ten of a model without classes.
  ///
  /// - Parameters:
  ///   - classes: by name or number; all where left out.
  ///   - seed: the same one gives the same samples.
  /// - Throws: bad pipeline where the model does not know a class; bad data where its weights do not fit.
  @TensorActor
  public static func samples(
    of model: ModelFile, classes: [String], rows: Int, truncation: Double, seed: UInt64
  ) throws -> Image {
    let labels = try labels(classes, model)
    let columns = model.configuration.classes.isEmpty ? 10 : labels.count
    var random = Random(key: Random.Key(seed: seed, path: "grid"), sample: 0)
    let latents = model.configuration.latents(rows * columns, truncation: Float(truncation), using: &random)
    let generator = try model.generator()
    let images = generator(latents, (0..<rows * columns).map { labels[$0 % labels.count] }, .inference)
    return draw(images.images(), columns: columns)
  }

  /// The way from one latent to another, a row for each class: along the sphere for normal latents (White 2016), straight
  /// for uniform ones.
  ///
  /// - Parameters:
  ///   - classes: by name or number; all where left out.
  ///   - first, last: what the latents at the ends are drawn from.
  ///   - frames: images a row, the ends included; at least 2.
  /// - Throws: as `samples`.
  @TensorActor
  public static func interpolation(
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
    let way = (0..<frames).flatMap { frame -> [Float] in
      let share = Double(frame) / Double(frames - 1)
      let (a, b) =
        isStraight ? (1 - share, share) : (sin((1 - share) * angle) / sin(angle), sin(share * angle) / sin(angle))
      return zip(ends[0], ends[1]).map { Float(a * $0 + b * $1) }
    }
    let row = Tensor(way, shape: [frames, model.configuration.model.latent])
    let generator = try model.generator()
    let images = labels.flatMap { label in
      generator(row, [Int](repeating: label, count: frames), .inference).images()
    }
    return draw(images, columns: frames)
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

/// -1 ... 1 as a byte, rounded.
private func byte(_ value: Float) -> Float { max(0, min(255, ((value + 1) * 127.5).rounded())) }

extension Tensor {
  /// N × H × W × C in -1 ... 1 as images of bytes, rounded.
  func images() -> [Image] {
    let (height, width, channels) = (shape[1], shape[2], shape[3])
    let size = height * width * channels
    return withValues { values in
      (0..<shape[0]).map { index in
        Image(height: height, width: width, channels: channels) { buffer in
          for place in 0..<size {
            buffer[place] = UInt8(byte(values[index * size + place]))
          }
        }
      }
    }
  }

  /// The same numbers as images of bytes give back.
  func roundedToBytes() -> Tensor {
    Tensor(values.map { byte($0) * (2 / 255) - 1 }, shape: shape)
  }
}
