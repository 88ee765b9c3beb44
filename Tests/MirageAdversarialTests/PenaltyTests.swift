import MirageAdversarial
import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

@Suite struct PenaltyTests {
  /// Tests/Golden/make_adversarial.py has the same critic.
  private func critic(_ x: Tensor, _ weights: [String: Tensor]) -> Tensor {
    let hidden = x.convolved(with: weights["weight"]!, bias: weights["bias"]!, padding: [1]).leakyReLU(0.2).tanh()
    return matmul(Flatten()(hidden, .inference), weights["linear"]!, transposeB: true).reshaped([-1])
  }

  @Test(arguments: GoldenRow.all("penalties")) func valueAndGradientsArePyTorchs(_ row: GoldenRow) {
    let weights = row.tensors("inputs").mapValues { $0.tracked() }
    let images = row.tensors("images")
    var random = randomNumbers("penalty")
    let penalty: Tensor
    if row.testDescription == "r1" {
      let real = images["real"]!.tracked()
      penalty = Penalties.r1(critic(real, weights), at: real)
    } else {
      penalty = Penalties.gradientPenalty(real: images["real"]!, fake: images["fake"]!, using: &random) {
        critic($0, weights)
      }
    }
    row.expect(penalty, row.tensor("output"), "the penalty")
    for (name, expected) in row.tensors("gradients") {
      row.expect(penalty.gradients(wrt: [weights[name]!])[0], expected, "the gradient of \(name)")
    }
  }

  /// Of a linear critic, whose gradient is its weight everywhere, the penalties are known.
  @Test(arguments: [Float(0), 1e-25, 1e-3, 1, 7]) func penaltiesOfALinearCritic(length: Float) {
    var random = randomNumbers("linear")
    let weight = Tensor([0.6, 0, -0.8, 0], shape: [4, 1]) * length
    let leaf = weight.tracked()
    let (real, fake) = (Tensor.normal([3, 4], using: &random).tracked(), Tensor.normal([3, 4], using: &random))
    func critic(_ x: Tensor) -> Tensor { matmul(x, leaf).reshaped([-1]) }
    let penalty = Penalties.gradientPenalty(real: real, fake: fake, using: &random, critic: critic)
    #expect(abs(penalty.scalar - (length - 1) * (length - 1)) <= 1e-5 * max(1, length * length))
    // d (|w| - 1)² / dw = 2 (|w| - 1) w / |w|; where w is zero, nothing, and in no case not-a-number.
    let slope = penalty.gradients(wrt: [leaf])[0].values
    let expected = Tensor([0.6, 0, -0.8, 0], shape: [4]) * (length < 1e-20 ? 0 : 2 * (length - 1))
    #expect(zip(slope, expected.values).allSatisfy { abs($0 - $1) < 1e-4 * max(1, length) })
    let r1 = Penalties.r1(critic(real), at: real)
    #expect(abs(r1.scalar - length * length / 2) <= 1e-5 * max(1, length * length))
    let curve = r1.gradients(wrt: [leaf])[0].values
    #expect(zip(curve, weight.values).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, length) })
  }

  @Test func pointsLieBetweenRealAndFakeAndSharesDiffer() {
    let (real, fake) = (Tensor.ones([64, 2, 2, 1]), Tensor.full([64, 2, 2, 1], -1))
    var (random, again) = (randomNumbers("between"), randomNumbers("between"))
    var seen: [Float] = []
    _ = Penalties.gradientPenalty(real: real, fake: fake, using: &random) { points in
      seen = points.values
      return points.sum(axes: [1, 2, 3])
    }
    #expect(seen.allSatisfy { (-1...1).contains($0) })
    let shares = Tensor.uniform([64], using: &again).values
    for (index, share) in shares.enumerated() {
      // All pixels of an image have the same share, and each image its own.
      #expect(seen[4 * index..<4 * index + 4].allSatisfy { abs($0 - (2 * share - 1)) < 1e-6 })
    }
    #expect(Set(shares).count == 64 && random.next() == again.next())
  }

  @Test func clippingHoldsEveryWeightWithinTheBound() {
    let parameters = [Parameter(Tensor([-2, -0.01, 0, 0.005, 3], shape: [5])), Parameter(Tensor(-0.5))]
    Penalties.clip(parameters, to: 0.01)
    #expect(parameters[0].value.values == [-0.01, -0.01, 0, 0.005, 0.01] && parameters[1].value.scalar == -0.01)
  }
}
