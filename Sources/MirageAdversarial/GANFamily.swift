import MirageSupport

/// A family of networks: its checks, its generator and its discriminator. Each family has a folder of its own.
package protocol GANFamily: Sendable {
  /// The family's name in settings and checkpoints, in lower case with hyphens.
  static var name: String { get }
  /// Checks that the networks can be built for the configuration's samples.
  ///
  /// The numbers may come from a damaged file, so none is trusted.
  /// - Throws: bad pipeline with the setting to change as `place`.
  static func check(_ configuration: GANConfiguration) throws
  /// Returns a generator with random weights.
  /// - Parameter random: Source of the weights. The order of draws is fixed, so that trainings can be repeated.
  static func generator(_ configuration: GANConfiguration, using random: inout Random) -> any Generator
  /// Returns a discriminator with random weights.
  /// - Parameter random: Source of the weights, with a fixed order of draws.
  static func discriminator(_ configuration: GANConfiguration, using random: inout Random) -> any Discriminator
}

extension GANModel.Network {
  /// Families in the order in which settings list them.
  private static let families: [any GANFamily.Type] = [
    FullyConnectedFamily.self,
    DCGANFamily.self,
    ResidualFamily.self,
  ]

  /// All families.
  public static let allCases: [GANModel.Network] = families.map { GANModel.Network($0) }
}

extension GANModel {
  /// A family of networks, by its name.
  public struct Network: RawRepresentable, Hashable, Sendable, Codable, CaseIterable, CustomStringConvertible {
    let family: any GANFamily.Type

    init(_ family: any GANFamily.Type) { self.family = family }

    /// Finds the family of this name, such as `dcgan`; nil if there is none.
    public init?(rawValue: String) {
      guard let known = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
      self = known
    }

    /// The family's name in settings and checkpoints.
    public var rawValue: String { family.name }

    public var description: String { rawValue }
  }
}

extension GANConfiguration {
  /// Returns a new generator with random weights.
  package func generator(using random: inout Random) -> any Generator {
    model.network.family.generator(self, using: &random)
  }

  /// Returns a new discriminator with random weights.
  package func discriminator(using random: inout Random) -> any Discriminator {
    model.network.family.discriminator(self, using: &random)
  }
}
