import MirageSupport
import MirageTensors

/// Input of conditional networks besides latents or samples: a class or a vector for each of N samples.
package enum Condition: Sendable {
  /// Labels of N samples: indices into the configuration's classes. Ignored by networks without conditioning.
  case labels([Int])
  /// N × D numbers, with D the number of classes: one-hot vectors are classes, others are mixtures of them.
  case vectors(Tensor)

  /// Number of samples.
  package var count: Int {
    switch self {
    case .labels(let labels): labels.count
    case .vectors(let vectors): vectors.shape[0]
    }
  }

  /// Condition of the same samples twice, one after the other.
  var repeated: Condition {
    switch self {
    case .labels(let labels): .labels(labels + labels)
    case .vectors(let vectors): .vectors(concatenated([vectors, vectors], axis: 0))
    }
  }
}

extension GANConfiguration {
  /// Returns the condition as N × `conditionSize` numbers, one-hot for labels.
  func vectors(_ condition: Condition) -> Tensor {
    switch condition {
    case .labels(let labels):
      let stray = labels.first { !(0..<conditionSize).contains($0) }
      require(stray == nil, "GAN: label \(stray!) of \(conditionSize) classes")
      var values = [Float](repeating: 0, count: labels.count * conditionSize)
      for (index, label) in labels.enumerated() { values[index * conditionSize + label] = 1 }
      return Tensor(values, shape: [labels.count, conditionSize])
    case .vectors(let vectors):
      require(
        vectors.rank == 2 && vectors.shape[1] == conditionSize,
        "GAN: a condition of \(vectors.shape) where N x \(conditionSize) is needed")
      return vectors
    }
  }

  /// Returns the generator's input: latents, N × `latent`, and the condition if the conditioning concatenates it.
  func generatorInput(_ latents: Tensor, _ condition: Condition) -> Tensor {
    concatenatesLatents ? concatenated([latents, vectors(condition)], axis: 1) : latents
  }

  /// Returns the discriminator's input: samples, N × `shape`, and the condition as further channels, constant over each
  /// sample, if the conditioning concatenates it.
  func discriminatorInput(_ samples: Tensor, _ condition: Condition) -> Tensor {
    guard concatenatesSamples else { return samples }
    let vectors = vectors(condition)
    let ones = [Int](repeating: 1, count: samples.rank - 2)
    let planes = vectors.reshaped([vectors.shape[0]] + ones + [conditionSize])
    return concatenated(
      [samples, planes.broadcast(to: Array(samples.shape.dropLast()) + [conditionSize])], axis: samples.rank - 1)
  }
}
