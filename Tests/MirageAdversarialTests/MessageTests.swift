import MirageAdversarial
import MirageSupport
import MirageTensors
import Testing

/// What does not fit ends the program with a message that names it, in release builds too.
@Suite struct MessageTests {
  @Test(arguments: Misuse.allCases) func mistakesAreNamed(_ mistake: Misuse) async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [mistake] in
      try mistake.make()
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains(mistake.message), "\(message.prefix(300))")
  }
}

enum Misuse: String, Codable, CaseIterable, Sendable {
  case batches, size, count, label, projected

  var message: String {
    switch self {
    case .batches: "GAN: 2 batches for 1 steps of the discriminator"
    case .size: "GAN: images of [6, 28, 28, 1] where [6, 16, 16, 1] are needed"
    case .count: "GAN: images of [6, 16, 16, 1] where [5, 16, 16, 1] are needed"
    case .label: "GAN: label 3 of 3 classes"
    case .projected: "gathered: place -1 of axis 0 of [3, 32]"
    }
  }

  func make() throws {
    let gan = try Bars().gan { model, _ in
      model.conditioning = self == .label ? .concatenated : .projection
    }
    let images = Tensor.zeros([6, 16, 16, 1])
    switch self {
    case .batches: _ = gan.step(on: Bars().batches(of: gan, step: 0) + Bars().batches(of: gan, step: 1))
    case .size: _ = gan.step(on: [(.zeros([6, 28, 28, 1]), [0, 1, 2, 0, 1, 2])])
    case .count: _ = gan.step(on: [(images, [0, 1, 2, 0, 1])])
    case .label: _ = gan.step(on: [(images, [0, 1, 2, 3, 1, 2])])
    case .projected: _ = gan.step(on: [(images, [0, 1, 2, -1, 1, 2])])
    }
  }
}
