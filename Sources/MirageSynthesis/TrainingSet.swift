import MirageLearning
import MirageMedia
import MirageStreams
import MirageSupport
import MirageTensors

/// Training samples of a GAN, all read once before the training, so that bad ones are reported before hours of work.
package struct TrainingSet: Sendable {
  let flow: Flow<Sample>
  /// Positions with a sample: without those that a filter emptied or the error policy skipped.
  package private(set) var positions: [Int]
  /// Conversion of samples to rows, which keeps floats.
  let coding: ImageCoding
  /// Number of samples of each class; empty if the GAN is not conditional.
  let classCounts: [Int]
  private let workers: Int

  /// - Parameter isConditional: whether every sample needs a class.
  /// - Throws: bad data naming a sample without a class, of another size or with numbers out of range, or a class
  ///   without samples; bad data if there are too few samples; the first bad sample if the policy is to stop.
  package init(
    surveying flow: Flow<Sample>, isConditional: Bool, in context: Context, progress: (Int) -> Void
  ) async throws {
    if isConditional && flow.about.hasSoftLabels {
      throw MirageError(
        .badPipeline, "a conditional GAN cannot tell classes after mixup or cutmix",
        remedy: "Put it before them.")
    }
    var (positions, counts) = ([Int](), [Int](repeating: 0, count: isConditional ? flow.about.classes.count : 0))
    var (first, skipped): (Sample?, SampleCounts) = (nil, SampleCounts())
    let chunks = flow.processed(0..<flow.count, in: context) { sample in
      try checkRange(sample)
      return (format: sample.format, label: sample.label?.index, sample: sample)
    }
    for try await chunk in chunks {
      for (position, slot) in zip(chunk.positions, chunk.slots) {
        switch slot {
        case .element(let one):
          let format = (first ?? one.sample).format
          guard one.format.hasShape(of: format) else { throw sizeError(one.sample, format) }
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
        remedy: "Leave the class out of the source's classes, add samples, or move the filter after the GAN.")
    }
    (self.flow, self.positions, classCounts, workers) = (flow, positions, counts, context.workers)
    coding = ImageCoding(like: first, keepsFloats: true)
  }

  /// Returns the positions of some samples, spread evenly over all: they may be sorted by class.
  func spread(_ count: Int) -> [Int] {
    let (total, count) = (positions.count, min(count, positions.count))
    return (0..<count).map { positions[Shard(index: $0, count: count).range(of: total).lowerBound] }
  }

  /// Returns the set without some samples, and those: at most a tenth of all, spread evenly; none of less than a hundred.
  package func holdingOut(_ count: Int) -> (rest: TrainingSet, heldOut: TrainingSet) {
    var (rest, heldOut) = (self, self)
    heldOut.positions = positions.count < 100 ? [] : spread(min(count, positions.count / 10))
    let without = Set(heldOut.positions)
    rest.positions.removeAll(where: without.contains)
    return (rest, heldOut)
  }

  /// Leaves out all other positions.
  mutating func keep(_ kept: Set<Int>) { positions.removeAll { !kept.contains($0) } }

  /// Returns rows of some of the samples, spread evenly over all, in batches that networks take at once.
  func rows(_ count: Int) async throws -> [Tensor] {
    let size = TranslatingStage.blockSize(of: coding.shape)
    let batches = Batches(flow, size: size, positions: spread(count), ignoresClasses: true).expecting(coding)
    var rows: [Tensor] = []
    for try await batch in batches.epoch(0, isShuffled: false, seed: 0) where !batch.labels.isEmpty {
      rows.append(batch.images)
    }
    return rows
  }

  /// Returns the samples as batches, with the number of workers that the user gave.
  func batches(of size: Int) -> Batches {
    var batches = Batches(
      flow, size: size, positions: positions.count == flow.count ? nil : positions, ignoresClasses: classCounts.isEmpty
    ).expecting(coding)
    batches.workers = workers
    return batches
  }
}

/// - Throws: bad data if a float is outside the range of a generator.
private func checkRange(_ sample: Sample) throws {
  guard case .scaled(let image) = sample.content, let bad = image.values.first(where: { !(abs($0) <= 1.001) }) else {
    return
  }
  throw MirageError.badData(
    "holds the number \(bad), and a GAN makes -1 ... 1",
    remedy: "Put the GAN before normalize, or scale to a range within [-1, 1].")
}

private func sizeError(_ sample: Sample, _ expected: Format) -> MirageError {
  .badData(
    "sample \(sample.id) is \(sample.format), and those before it are \(expected)", file: sample.origin.description,
    remedy: "Bring all to one size before the GAN, with resize or a crop, and to one color mode.")
}

private func labelError(_ sample: Sample) -> MirageError {
  .badData(
    "sample \(sample.id) has no class, which a conditional GAN needs", file: sample.origin.description,
    remedy: "Use data with classes, or set model.conditioning to none.")
}
