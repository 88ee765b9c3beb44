import MirageNetworks
import MirageTensors
import Testing

@Suite struct LossTests {
  @Test(arguments: GoldenRow.all("losses")) func valueAndGradientsArePyTorchs(_ row: GoldenRow) throws {
    let inputs = row.state("inputs").mapValues { $0.tracked() }
    let loss = try #require(value(row, inputs), "no loss for \(row.text("loss"))")
    row.expect(loss, row.tensor("output"), "the loss")
    let names = inputs.keys.sorted()
    let gradients = loss.gradients(wrt: names.map { inputs[$0]! })
    for (name, gradient) in zip(names, gradients) {
      row.expect(gradient, row.inner("gradients").tensor(name), "the gradient of \(name)")
    }
  }

  private func value(_ row: GoldenRow, _ x: [String: Tensor]) -> Tensor? {
    switch row.text("loss") {
    case "binary-cross-entropy":
      return Losses.binaryCrossEntropy(logits: x["logits"]!, targets: row.tensor("targets"))
    case "cross-entropy":
      // Smoothed labels are a distribution.
      let (labels, smoothing) = (row.decoded("labels") as [Int], row.float("smoothing"))
      if smoothing == 0 { return Losses.crossEntropy(logits: x["logits"]!, labels: labels) }
      let classes = x["logits"]!.shape[1]
      let smoothed = labels.flatMap { label in
        (0..<classes).map { ($0 == label ? 1 - smoothing : 0) + smoothing / Float(classes) }
      }
      return Losses.crossEntropy(
        logits: x["logits"]!, probabilities: Tensor(smoothed, shape: [labels.count, classes]))
    case "soft-cross-entropy":
      return Losses.crossEntropy(logits: x["logits"]!, probabilities: row.tensor("targets"))
    case "mean-squared-error": return Losses.meanSquaredError(x["prediction"]!, x["target"]!)
    case "mean-absolute-error": return Losses.l1(x["prediction"]!, x["target"]!)
    case "hinge-discriminator": return Losses.hingeDiscriminator(real: x["real"]!, fake: x["fake"]!)
    case "hinge-generator": return Losses.hingeGenerator(fake: x["fake"]!)
    case "least-squares-discriminator":
      return (Losses.meanSquaredError(x["real"]!, 1) + Losses.meanSquaredError(x["fake"]!, 0)) * 0.5
    case "original-discriminator":
      return Losses.binaryCrossEntropy(logits: x["real"]!, target: 1)
        + Losses.binaryCrossEntropy(logits: x["fake"]!, target: 0)
    case "original-generator": return Losses.binaryCrossEntropy(logits: x["fake"]!, target: 1)
    case "kl-standard-normal":
      return Losses.gaussianDivergence(mean: x["mean"]!, logVariance: x["log_variance"]!)
    case "kl-divergence": return Losses.divergence(logits: x["p"]!, from: x["q"]!)
    default: return nil
    }
  }

  @Test func crossEntropyOfLargeLogitsIsFinite() {
    let logits = Tensor([1e4, -1e4, 0, -1e4, 1e4, 0], shape: [2, 3]).tracked()
    let loss = Losses.crossEntropy(logits: logits, labels: [1, 1])
    #expect(loss.scalar == 1e4 && loss.gradients(wrt: [logits])[0].values.allSatisfy { $0.isFinite })
    let binary = Losses.binaryCrossEntropy(logits: logits, target: 0)
    #expect(abs(binary.scalar - 2e4 / 6) < 1 && binary.gradients(wrt: [logits])[0].values.allSatisfy { $0.isFinite })
  }

  /// For logits of 0 and ln 3, the probabilities are 1/4 and 3/4. A class of weight 0 does not count.
  @Test func classWeightsGiveTheWeightedMean() {
    let third = Float(1.0986123)
    let logits = Tensor([0, third, third, 0, 0, 0], shape: [3, 2]).tracked()
    func loss(_ weights: [Float]?) -> Tensor {
      Losses.crossEntropy(logits: logits, labels: [0, 0, 1], weights: weights)
    }
    func near(_ value: Float, _ expected: Float) -> Bool { abs(value - expected) < 1e-6 }
    let (wrong, right, even) = (Float(1.3862944), Float(0.2876821), Float(0.6931472))
    #expect(near(loss(nil).scalar, (wrong + right + even) / 3))
    #expect(loss([2, 2]).scalar == loss([1, 1]).scalar && near(loss([1, 1]).scalar, loss(nil).scalar))
    #expect(near(loss([1, 3]).scalar, (wrong + right + 3 * even) / 5))
    // The gradient of a sample is its weight, as a fraction of all, times probabilities less the label.
    let gradients = loss([1, 3]).gradients(wrt: [logits])[0].values
    let expected: [Float] = [-0.75 / 5, 0.75 / 5, -0.25 / 5, 0.25 / 5, 3 * 0.5 / 5, -3 * 0.5 / 5]
    #expect(zip(gradients, expected).allSatisfy { near($0, $1) }, "\(gradients)")
    let without = loss([1, 0])
    #expect(near(without.scalar, (wrong + right) / 2))
    #expect(without.gradients(wrt: [logits])[0].values.suffix(2).allSatisfy { $0 == 0 })
    #expect(loss([0, 0]).scalar == 0, "no sample counts")
  }
}
