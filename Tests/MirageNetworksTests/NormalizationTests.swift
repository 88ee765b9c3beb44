import MirageNetworks
import MirageSupport
import MirageTensors
import Testing

/// Running statistics follow the batches as PyTorch's do.
@Suite struct NormalizationTests {
  private let batches = [
    Tensor([1, 10, 2, 20, 6, 60], shape: [3, 2]), Tensor([-1, 0, 1, 0, 3, 9], shape: [3, 2]),
  ]

  /// Mean and unbiased variance of a channel.
  private func moments(_ batch: Tensor, _ channel: Int) -> (mean: Float, variance: Float) {
    let values = stride(from: channel, to: batch.count, by: 2).map { batch.values[$0] }
    let mean = values.reduce(0, +) / 3
    return (mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2)
  }

  @Test(arguments: [Float(0.1), 0.7]) func runningStatisticsMoveByTheMomentum(_ momentum: Float) {
    let norm = BatchNorm(2, momentum: momentum)
    var expected: [(mean: Float, variance: Float)] = [(0, 1), (0, 1)]
    for batch in batches {
      let mode = Mode.training(Random(key: Random.Key(seed: 1, path: "norm"), sample: 0))
      _ = norm(batch, mode)
      for channel in 0..<2 {
        let own = moments(batch, channel)
        expected[channel].mean = expected[channel].mean * (1 - momentum) + own.mean * momentum
        expected[channel].variance = expected[channel].variance * (1 - momentum) + own.variance * momentum
      }
    }
    let state = norm.state
    for channel in 0..<2 {
      #expect(abs(state["running_mean"]!.values[channel] - expected[channel].mean) < 1e-4)
      #expect(abs(state["running_var"]!.values[channel] - expected[channel].variance) < 1e-3)
    }
    // Inference uses them, and leaves them as they are.
    let output = norm(batches[0], .inference).values
    for (index, value) in output.enumerated() {
      let (mean, variance) = expected[index % 2]
      let wanted = (batches[0].values[index] - mean) / (variance + 1e-5).squareRoot()
      #expect(abs(value - wanted) < 1e-3 * max(1, abs(wanted)))
    }
    #expect(norm.state["running_mean"]!.values == state["running_mean"]!.values)
  }
}
