import MirageAdversarial
import MirageTensors
import Testing

@Suite struct AdversarialLossTests {
  @Test(arguments: GoldenRow.all("losses")) func valueAndGradientsArePyTorchs(_ row: GoldenRow) {
    let logits = row.tensors("inputs").mapValues { $0.tracked() }
    let loss: AdversarialLoss = row.decoded("loss")
    let value =
      if let real = logits["real"] {
        loss.discriminator(real: real, fake: logits["fake"]!)
      } else {
        loss.generator(fake: logits["fake"]!)
      }
    row.expect(value, row.tensor("output"), "the loss")
    for (name, expected) in row.tensors("gradients") {
      row.expect(value.gradients(wrt: [logits[name]!])[0], expected, "the gradient of \(name)")
    }
  }

  @Test func everyLossHasGoldenValues() {
    for side in ["discriminator", "generator"] {
      let names = GoldenRow.all("losses").filter { $0.testDescription.hasSuffix(side) }.map {
        $0.decoded("loss", as: AdversarialLoss.self)
      }
      #expect(names.count == AdversarialLoss.allCases.count && Set(names) == Set(AdversarialLoss.allCases))
    }
  }

  /// A sure discriminator neither overflows nor, with the losses that never saturate, stops the generator.
  @Test(arguments: AdversarialLoss.allCases) func largeLogitsAreFinite(_ loss: AdversarialLoss) {
    let (real, fake) = (Tensor([1e4, -1e4], shape: [2]).tracked(), Tensor([-1e4, 1e4], shape: [2]).tracked())
    let value = loss.discriminator(real: real, fake: fake)
    let made = loss.generator(fake: fake)
    #expect(value.scalar.isFinite && made.scalar.isFinite)
    #expect(value.gradients(wrt: [real, fake]).allSatisfy { $0.values.allSatisfy(\.isFinite) })
    let slope = made.gradients(wrt: [fake])[0].values
    #expect(slope[0] <= -0.5 && slope.allSatisfy(\.isFinite))
  }
}
