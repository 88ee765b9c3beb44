import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// What does not fit ends the program with a message that names the layer and the shapes, in release builds too.
@Suite struct MessageTests {
  @Test(arguments: Misuse.allCases) func mistakesAreNamed(_ mistake: Misuse) async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [mistake] in
      mistake.make()
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains(mistake.message), "\(message.prefix(300))")
  }
}

enum Misuse: String, Codable, CaseIterable, Sendable {
  case linear, labels, label, probabilities, conditional, embedding, gradients, parameters, attention
  case binary, squares, absolute, rank

  var message: String {
    switch self {
    case .linear: "Linear: [2, 4] with weights [5, 3]"
    case .labels: "crossEntropy: 1 labels for logits of [2, 3]"
    case .label: "crossEntropy: 2 labels for logits of [2, 3]"
    case .probabilities: "crossEntropy: [2, 3] and [2, 4]"
    case .conditional: "ConditionalBatchNorm: 1 labels for [2, 1, 4]"
    case .embedding: "gathered: place 4 of axis 0 of [4, 2]"
    case .gradients: "1 gradients for 2 parameters"
    case .parameters: "an optimizer of 1 parameters given 2"
    case .binary: "binaryCrossEntropy: [2, 1] and [2]"
    case .squares: "meanSquaredError: [2, 1] and [2]"
    case .absolute: "l1: [2, 1] and [2]"
    case .rank: "crossEntropy: logits of [2, 3, 4]"
    case .attention: "SelfAttention: 7 channels, at least 8 are needed"
    }
  }

  func make() {
    var random = generator("misuse")
    var adam = Adam(learningRate: 0.1)
    let parameters = [Parameter(.zeros([1])), Parameter(.zeros([1]))]
    switch self {
    case .linear: _ = Linear(3, 5, using: &random)(.ones([2, 4]), .inference)
    case .labels: _ = Losses.crossEntropy(logits: .ones([2, 3]), labels: [0])
    case .label: _ = Losses.crossEntropy(logits: .ones([2, 3]), labels: [0, 3])
    case .probabilities: _ = Losses.crossEntropy(logits: .ones([2, 3]), probabilities: .ones([2, 4]))
    case .conditional: _ = ConditionalBatchNorm(4, classes: 2)(.ones([2, 1, 4]), [0], .inference)
    case .embedding: _ = Embedding(4, 2, using: &random)([4], .inference)
    case .gradients: adam.step(parameters, [.ones([1])])
    case .parameters:
      adam.step([parameters[0]], [.ones([1])])
      adam.step(parameters, [.ones([1]), .ones([1])])
    case .binary: _ = Losses.binaryCrossEntropy(logits: .ones([2, 1]), targets: .ones([2]))
    case .squares: _ = Losses.meanSquaredError(.ones([2, 1]), .ones([2]))
    case .absolute: _ = Losses.l1(.ones([2, 1]), .ones([2]))
    case .rank: _ = Losses.crossEntropy(logits: .ones([2, 3, 4]), labels: [0, 1])
    case .attention: _ = SelfAttention(7, using: &random)
    }
  }
}
