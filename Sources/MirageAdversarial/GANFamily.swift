import MirageSupport

/// A family of networks: its checks, its generator and its discriminator. Each family has a folder of its own.
package protocol GANFamily: Sendable {
  /// The family's name in settings and checkpoints, in lower case with hyphens.
  static var name: String { get }
  /// Makes sure that the networks can be built for the configuration's samples.
  ///
  /// The numbers may come from a damaged file: none is trusted.
  /// - Throws: bad pipeline whose place is the setting to change.
  static func check(_ configuration: GANConfiguration) throws
  /// A generator with random weights.
  /// - Parameter random: Draws the weights, in the same order in every version: trainings are repeated from their seeds.
  static func generator(_ configuration: GANConfiguration, using random: inout Random) -> any Generator
  /// A discriminator with random weights.
  /// - Parameter random: Draws the weights, in the same order in every version.
  static func discriminator(_ configuration: GANConfiguration, using random: inout Random) -> any Discriminator
}

extension GANModel.Network {
  /// Every family, in the order in which settings list them. A new family adds its line here.
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

    /// The family of this name, such as `dcgan`; nil if there is none.
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
  /// A new generator with random weights.
  public func generator(using random: inout Random) -> any Generator {
    model.network.family.generator(self, using: &random)
  }

  /// A new discriminator with random weights.
  public func discriminator(using random: inout Random) -> any Discriminator {
    model.network.family.discriminator(self, using: &random)
  }
}
