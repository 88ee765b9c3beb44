import MirageNetworks
import MirageStreams
import MirageSupport

/// Sizes of the networks that translate images; where a model leaves one open, that of the image size.
struct TranslationSizes {
  /// Number of residual blocks, and channels of the first convolution, of a generator.
  let blocks, filters: Int
  /// Number of convolutions that halve the size, and channels of the first one, of a discriminator.
  let discriminatorLayers, discriminatorFilters: Int

  /// Creates the sizes for images whose shorter side is `side` pixels.
  init(blocks: Int?, filters: Int?, discriminatorLayers: Int?, discriminatorFilters: Int?, side: Int) {
    let isSmall = side < 48
    self.blocks = blocks ?? (isSmall ? 3 : side <= 160 ? 6 : 9)
    self.filters = filters ?? (isSmall ? 32 : 64)
    self.discriminatorLayers = discriminatorLayers ?? (isSmall ? 2 : 3)
    self.discriminatorFilters = discriminatorFilters ?? (isSmall ? 32 : 64)
  }

  /// Checks that networks of a family can be trained on images.
  ///
  /// - Parameters:
  ///   - family: Name of the family in messages.
  ///   - halvings: Number of times that the generator halves the size, at least 1.
  ///   - channels: Numbers of channels of the images.
  ///   - hasPatches: True if the discriminator scores patches, and so needs images of some size. Defaults to `true`.
  /// - Throws: bad pipeline with `place` naming the setting, if there is one.
  func check(_ family: String, halvings: Int = 2, height: Int, width: Int, channels: [Int], hasPatches: Bool = true)
    throws
  {
    func refusal(_ message: String, _ place: String?, _ remedy: String) -> MirageError {
      MirageError(.badPipeline, message, place: place, remedy: remedy)
    }
    for channels in channels where channels != 1 && channels != 3 {
      throw refusal("images of \(channels) channels", nil, "Make them gray or RGB with the source's channels.")
    }
    let (sides, unit) = ("\(height) x \(width)", 1 << halvings)
    guard height % unit == 0, width % unit == 0, height > 0, width > 0 else {
      let times = halvings == 1 ? "once" : halvings == 2 ? "twice" : "\(halvings) times"
      throw refusal(
        "\(family) halves the size of images \(times), and these are \(sides)", nil,
        "Bring height and width to multiples of \(unit), with resize or pad.")
    }
    guard min(height, width) >= 8 else {
      throw refusal("\(family) translates images from 8 x 8 up, and these are \(sides)", nil, "Use larger images.")
    }
    let smallest = PatchDiscriminator.smallestSide(layers: discriminatorLayers)
    guard !hasPatches || min(height, width) >= smallest else {
      throw refusal(
        "a discriminator of \(discriminatorLayers) layers for images of \(sides): it needs \(smallest) a side",
        "model.discriminator-layers", "Use fewer layers, or larger images.")
    }
  }
}

// Settings that the families share.
extension Setting {
  static let blocks = Setting(
    "blocks", .integer(0...64), "Number of residual blocks in a generator; by image size if not given")
  static let filters = Setting(
    "filters", .integer(1...256), "Channels of a generator's first convolution; by image size if not given")
  static let discriminatorLayers = Setting(
    "discriminator-layers", .integer(1...6),
    "Number of convolutions in a discriminator that halve the size; by image size if not given")
  static let discriminatorFilters = Setting(
    "discriminator-filters", .integer(1...256),
    "Channels of a discriminator's first convolution; by image size if not given")
  static let steps = Setting("steps", .integer(1...100_000_000), "Number of steps")
  static let learningRate = Setting("learning-rate", .number(1e-9...10), "Learning rate of all networks")
  static let decayFrom = Setting(
    "decay-from", .number(0...1), "Fraction of the steps after which the learning rate goes down to 0")
  static let augmentTranslations = Setting(
    "augment", .choices(DifferentiableAugmentation.self),
    "Augmentations of real and translated images before the discriminators")
}

extension Schedule {
  /// Returns the schedule that is constant up to a fraction of the steps, and then falls linearly to 0.
  static func linearDecay(from fraction: Double, of steps: Int) -> Schedule {
    let start = Int((Double(steps) * fraction).rounded())
    return .linearDecay(after: start, over: steps - start)
  }
}
