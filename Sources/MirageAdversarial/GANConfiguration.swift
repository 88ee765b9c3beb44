import MirageSupport

/// What networks a GAN consists of: what its weights fit, and no more.
public struct GANModel: Sendable, Codable, Equatable {
  /// The family of networks.
  public enum Network: String, Sendable, Codable, CaseIterable {
    /// Multilayer perceptrons (Goodfellow et al. 2014), for images up to 64 × 64.
    case fullyConnected = "fully-connected"
    /// Strided and transposed convolutions (Radford et al. 2016).
    case dcgan
    /// Residual blocks (Miyato et al. 2018), for images up to 64 × 64.
    case residual
  }

  /// How the networks learn of an image's class.
  public enum Conditioning: String, Sendable, Codable, CaseIterable {
    /// They do not.
    case none
    /// As further inputs: the class beside the latent and, as planes, beside the image (Mirza and Osindero 2014).
    case concatenated
    /// By conditional batch normalization in the generator and a projection in the discriminator (Miyato and Koyama 2018).
    case projection
    /// The discriminator also tells classes (AC-GAN; Odena et al. 2017); it learns them from real images only.
    case auxiliaryClassifier = "auxiliary-classifier"
  }

  /// Where latents come from.
  public enum Latents: String, Sendable, Codable, CaseIterable { case normal, uniform }

  /// What keeps the discriminator in bounds.
  public enum Normalization: String, Sendable, Codable, CaseIterable { case none, batch, layer, spectral }

  /// What makes a DCGAN's image: its last transposed convolution, or a 3 × 3 convolution behind it, which costs more and
  /// leaves no checkerboards.
  public enum Output: String, Sendable, Codable, CaseIterable { case transposed, convolution }

  /// The family that both networks are of.
  public var network = Network.dcgan
  /// How both networks learn of the class.
  public var conditioning = Conditioning.projection
  /// Numbers in a latent, at most 4096.
  public var latent = 64
  /// The distribution of each number in a latent: N(0, 1), or uniform in -1 ... 1.
  public var latents = Latents.normal
  /// Channels of what the generator's output layer is given (DCGAN), of every block (residual), at most 1024; not of
  /// perceptrons.
  public var generatorWidth = 32
  /// Channels of the discriminator's first layer (DCGAN), of every block (residual), at most 1024; not of perceptrons.
  public var discriminatorWidth = 32
  /// Of the discriminator; the generator's is batch normalization, conditional where the conditioning says so.
  public var normalization = Normalization.spectral
  /// Of a DCGAN's generator.
  public var output = Output.convolution

  /// A conditional DCGAN with projection and spectral normalization.
  public init() {}
}

/// A GAN's networks and what they are for: all that is needed to build them again.
public struct GANConfiguration: Sendable, Codable, Equatable {
  /// Which networks.
  public var model: GANModel
  /// Of the images.
  public var height, width, channels: Int
  /// The classes' names in the order of the labels; empty where the networks are not conditioned.
  public var classes: [String]

  /// - Parameter classes: the data's.
  /// - Throws: bad pipeline with `place` naming the setting, where the networks cannot be made for such images.
  public init(_ model: GANModel, height: Int, width: Int, channels: Int, classes: [String]) throws {
    (self.model, self.height, self.width, self.channels) = (model, height, width, channels)
    self.classes = model.conditioning == .none ? [] : classes
    try check()
  }

  private func check() throws {
    let numbers = [
      ("latent", model.latent, 4096), ("generator-width", model.generatorWidth, 1024),
      ("discriminator-width", model.discriminatorWidth, 1024),
    ]
    for (name, number, limit) in numbers where !(1...limit).contains(number) {
      throw refusal("\(name) is \(number)", "model.\(name)", "Set it from 1 to \(limit).")
    }
    guard channels == 1 || channels == 3 else {
      throw refusal("images of \(channels) channels", nil, "Make them gray or RGB with the source's channels.")
    }
    if model.conditioning != .none && classes.count < 2 {
      throw refusal(
        "conditioning \(model.conditioning.rawValue) needs at least two classes, and the data has \(classes.count)",
        "model.conditioning", "Set model.conditioning to none, or use data with classes.")
    }
    let sides = "\(height) x \(width)"
    switch model.network {
    case .fullyConnected:
      guard imageSides.contains(height), imageSides.contains(width), height * width <= 64 * 64 else {
        throw refusal(
          "a fully connected network for images of \(sides)", "model.network", "Use dcgan, or resize to 64 x 64.")
      }
    case .dcgan, .residual:
      guard Pyramid(height: height, width: width) != nil else {
        throw refusal(
          "\(model.network.rawValue) cannot make images of \(sides)", "model.network",
          "Bring them to 28, 32, 64 or 128 a side, with resize or a crop.")
      }
      guard model.network == .dcgan || max(height, width) <= 64 else {
        throw refusal("residual networks for images of \(sides)", "model.network", "Use dcgan, or resize to 64 x 64.")
      }
    }
  }

  private func refusal(_ message: String, _ place: String?, _ remedy: String) -> MirageError {
    MirageError(.badPipeline, message, place: place, remedy: remedy)
  }

  /// How many classes the networks know of: 0 where they are not conditioned.
  var conditions: Int { classes.count }
  /// Whether the class stands beside the latent.
  var concatenatesLatents: Bool {
    model.conditioning == .concatenated || model.conditioning == .auxiliaryClassifier
  }
  /// Whether the class stands beside the image.
  var concatenatesImages: Bool { model.conditioning == .concatenated }
  /// Numbers the generator is given.
  var generatorInputs: Int { model.latent + (concatenatesLatents ? conditions : 0) }
}

/// What networks are made for: sizes may come from a file, which may hold anything.
private let imageSides = 1...1024

/// How an image's size comes about by doubling: 28 = 7 · 2², 32 = 4 · 2³, 128 = 4 · 2⁵.
struct Pyramid {
  /// How often the base is doubled: 2 to 6.
  let doublings: Int
  /// The size at the bottom; its shorter side is 4 to 7.
  let base: [Int]

  init?(height: Int, width: Int) {
    guard imageSides.contains(height), imageSides.contains(width) else { return nil }
    var (low, doublings) = (min(height, width), 0)
    while low > 7 { (low, doublings) = (low / 2, doublings + 1) }
    let factor = 1 << doublings
    guard (2...6).contains(doublings), low >= 4, height % factor == 0, width % factor == 0 else { return nil }
    (self.doublings, base) = (doublings, [height / factor, width / factor])
  }
}
