import MirageSupport
import MirageTensors

/// Augmentation of the discriminator's inputs, real and generated alike, through which the generator's gradients pass
/// (DiffAugment; Zhao et al. 2020). With few images, augmentations keep the discriminator from memorizing them.
public enum DifferentiableAugmentation: String, Sendable, Codable, CaseIterable {
  /// Random changes of brightness, by -0.5 ... 0.5, of saturation, by a factor of 0 to 2, and of contrast, of 0.5 to 1.5.
  case color
  /// A random shift by up to an eighth of the size, with zeros in the uncovered part.
  case translation
  /// A random rectangle of half the height and width, set to zero.
  case cutout

  /// Decodes the augmentation's name, in American or, as in older checkpoints, British spelling.
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let augmentation = Self(rawValue: americanSpelling(name)) else {
      throw MirageError.badData("there is no differentiable augmentation \(name)")
    }
    self = augmentation
  }

  /// Returns the images, each with random changes of its own.
  /// - Parameter images: N × H × W × C in -1 ... 1.
  package func callAsFunction(_ images: Tensor, using random: inout Random) -> Tensor {
    switch self {
    case .color: recolored(images, &random)
    case .translation: translated(images, &random)
    case .cutout: cut(images, &random)
    }
  }

  private func recolored(_ images: Tensor, _ random: inout Random) -> Tensor {
    let each = [images.shape[0], 1, 1, 1]
    var x = images + .uniform(each, in: -0.5...0.5, using: &random)
    let gray = x.mean(axes: [3], keepingDimensions: true)
    x = (x - gray) * .uniform(each, in: 0...2, using: &random) + gray
    let mean = x.mean(axes: [1, 2, 3], keepingDimensions: true)
    return (x - mean) * .uniform(each, in: 0.5...1.5, using: &random) + mean
  }

  private func translated(_ images: Tensor, _ random: inout Random) -> Tensor {
    let (count, height, width, channels) = (images.shape[0], images.shape[1], images.shape[2], images.shape[3])
    let (down, across) = ((height + 4) / 8, (width + 4) / 8)
    let padded = images.padded([(0, 0), (down, down), (across, across), (0, 0)])
    let (outerHeight, outerWidth) = (height + 2 * down, width + 2 * across)
    var places: [Int] = []
    places.reserveCapacity(count * height * width)
    for index in 0..<count {
      let (top, left) = (random.integer(in: 0...2 * down), random.integer(in: 0...2 * across))
      for y in 0..<height {
        let row = (index * outerHeight + top + y) * outerWidth + left
        places += row..<row + width
      }
    }
    return padded.reshaped([count * outerHeight * outerWidth, channels]).gathered(places, axis: 0)
      .reshaped(images.shape)
  }

  private func cut(_ images: Tensor, _ random: inout Random) -> Tensor {
    let (count, height, width) = (images.shape[0], images.shape[1], images.shape[2])
    let (tall, wide) = ((height + 1) / 2, (width + 1) / 2)
    var kept = [Float](repeating: 1, count: count * height * width)
    for index in 0..<count {
      // The center is anywhere in the image, so part of the rectangle may be outside. The center of an even length is
      // between pixels or on the border, so each axis has one more position for it than pixels.
      let top = random.integer(in: 0...height - tall % 2) - tall / 2
      let left = random.integer(in: 0...width - wide % 2) - wide / 2
      for y in max(0, top)..<min(height, top + tall) {
        let row = (index * height + y) * width
        for x in max(0, left)..<min(width, left + wide) { kept[row + x] = 0 }
      }
    }
    return images * Tensor(kept, shape: [count, height, width, 1])
  }
}

extension [DifferentiableAugmentation] {
  /// Returns the images, N × H × W × C in -1 ... 1, after all augmentations, which draw from `random` in order.
  func applied(to images: Tensor, _ random: Random) -> Tensor {
    var (images, random) = (images, random)
    for augmentation in self { images = augmentation(images, using: &random) }
    return images
  }
}
