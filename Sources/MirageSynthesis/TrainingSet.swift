import MirageLearning
import MirageEvaluation
import MirageSupport
import MirageStreams

/// The samples that a GAN is trained on, looked through once before it is: what is wrong with them is found now, not after
/// hours of training.
struct TrainingSet: Sendable {
  let flow: Flow<Sample>
  /// Those of the flow that hold a sample; what a filter took, or the policy left out, is not among them.
  let positions: [Int]
  let height, width, channels: Int
  /// Samples of each class; empty where classes do not matter.
  let classCounts: [Int]

  /// - Parameter isConditional: whether every sample needs a class.
  /// - Throws: bad data naming the sample that has no class or another size, the class that has no sample, or that there are
  ///   too few; the first bad sample under the policy to stop.
  init(
    surveying flow: Flow<Sample>, isConditional: Bool, in context: Context, progress: (Int) -> Void
  ) async throws {
    if isConditional && flow.about.hasSoftLabels {
      throw MirageError(
        .badPipeline, "a conditional GAN cannot tell classes behind mixup or cutmix", remedy: "Put it before them.")
    }
    var (positions, counts) = ([Int](), [Int](repeating: 0, count: isConditional ? flow.about.classes.count : 0))
    var (first, skipped): (Sample?, Tally) = (nil, Tally())
    let chunks = flow.processed(0..<flow.count, in: context) { sample in
      (size: sample.size, label: sample.label?.index, sample: sample)
    }
    for try await chunk in chunks {
      for (position, slot) in zip(chunk.positions, chunk.slots) {
        switch slot {
        case .element(let one):
          let size = (first ?? one.sample).size
          guard one.size == size else {
            throw sizeError(one.sample, size)
          }
          if isConditional {
            guard let label = one.label, counts.indices.contains(label) else { throw labelError(one.sample) }
            counts[label] += 1
          }
          first = first ?? one.sample
          positions.append(position)
        case .absent: break
        case .failed(let error): try skipped.skip(error, policy: context.policy)
        }
      }
      progress(chunk.positions.upperBound)
    }
    guard let first, positions.count >= 2 else {
      throw MirageError.badData(
        "\(positions.count == 1 ? "one sample is" : "no samples are") not enough to train a GAN on",
        remedy: "Look at the source and at the filters before the GAN.")
    }
    if let empty = counts.firstIndex(of: 0) {
      throw MirageError.badData(
        "class \(flow.about.classes[empty]) has no sample for the GAN to learn it from",
        remedy: "Leave the class out of the source's classes, add samples, or move the filter behind the GAN.")
    }
    (self.flow, self.positions, classCounts) = (flow, positions, counts)
    (height, width, channels) = first.size
  }

  /// The samples as batches.
  func batches(of size: Int) -> Batches {
    Batches(
      flow, size: size, positions: positions.count == flow.count ? nil : positions, ignoresClasses: classCounts.isEmpty
    ).expecting(height: height, width: width, channels: channels)
  }
}

private func sizeError(_ sample: Sample, _ expected: (height: Int, width: Int, channels: Int)) -> MirageError {
  .badData(
    "sample \(sample.id) is \(sample.size.height) x \(sample.size.width) x \(sample.size.channels), and those before it "
      + "are \(expected.height) x \(expected.width) x \(expected.channels)", file: sample.origin.description,
    remedy: "Bring all to one size before the GAN, with resize or a crop, and to one color mode.")
}

private func labelError(_ sample: Sample) -> MirageError {
  .badData(
    "sample \(sample.id) has no class, which a conditional GAN needs", file: sample.origin.description,
    remedy: "Use data with classes, or set model.conditioning to none.")
}
