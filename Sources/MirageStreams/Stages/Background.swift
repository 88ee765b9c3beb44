import MirageMedia
import MirageSupport

/// Composes each image with one of another source, such as digits with photographs (Ganin et al., "Domain-adversarial
/// training of neural networks", 2016, whose MNIST-M is `difference`).
///
/// The background is drawn from the other source by the sample's own random numbers, and so is the window that is cut out
/// of a larger one. The sample keeps its id, label and annotations.
public struct Background: StageComponent {
  public static let declaration = Declaration(
    "background", "Composes each image with one of another source", of: Background(MNIST(directory: "")),
    .required("source", .component([.source]), "Source of the backgrounds"),
    Setting("stages", .components([.augmentation, .stage]), "Stages of the backgrounds"),
    Setting("mode", .choice(CompositionMode.self), "Operation on each byte of the image and of the background"),
    Setting("alpha", .number(0...1), "Weight of the image in mode blend; the background has the rest"), .probability)

  public static var domains: Set<Format.Domain> { [.image] }

  /// Source of the backgrounds.
  @Nested public private(set) var source: any SourceComponent
  /// Stages of the backgrounds.
  @Nested public private(set) var stages: [any StageComponent]
  /// Operation on each byte of the image and of the background.
  package var mode: CompositionMode
  /// Weight of the image in mode `blend`, 0 to 1.
  package var alpha: Double
  /// Probability that an image is composed at all, 0 to 1.
  public var probability: Double

  /// Creates a stage whose backgrounds are the samples of a source after some stages.
  public init(
    _ source: any SourceComponent, stages: [any StageComponent] = [], mode: CompositionMode = .difference,
    alpha: Double = 0.5, probability: Double = 1
  ) {
    (self.source, self.stages) = (source, stages)
    (self.mode, self.alpha, self.probability) = (mode, alpha, probability)
  }

  public var parts: [String: [any Component]] { ["source": [source], "stages": stages] }

  public func validate() throws {
    try checkSettings()
    if source.domain != .image {
      throw MirageError(.badPipeline, "background composes images, and its source gives \(source.domain.plural)")
    }
  }

  /// Throws bad data if a background does not fit the sample.
  fileprivate func check(_ sample: borrowing Sample, with background: Sample) throws {
    let (own, other) = (sample.size, background.size)
    if own.channels != other.channels {
      throw MirageError.badData(
        "the background \(background.origin) has \(other.channels) channels, and the image \(own.channels)",
        remedy: "Bring both to one color mode, with channels of their sources or with grayscale: 3.")
    }
    if other.height < own.height || other.width < own.width {
      throw MirageError.badData(
        "the background \(background.origin) is \(other.height) x \(other.width), smaller than the image of "
          + "\(own.height) x \(own.width)",
        remedy: "Put a resize into the stages of the background.")
    }
  }
}

extension Background: Estimator {
  /// Opens the source of the backgrounds and checks that they fit.
  ///
  /// - Throws: errors of the source and of its stages; bad pipeline after scale or normalize; bad data if there are no
  ///   backgrounds, or if the first one has other channels than the first image or is smaller.
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let branch = Pipeline(policy: context.policy, source: source, stages: stages)
    let fitted = try await branch.fitted(context.run, in: context)
    if [upstream, fitted.flow].contains(where: { $0.about.numbers == .floats }) {
      throw MirageError(
        .badPipeline, "background works on images of bytes, but comes after scale or normalize",
        remedy: "Put background before them, and leave them out of its stages.")
    }
    guard let background = try await fitted.flow.example() else {
      throw MirageError(.badData, "the source of the backgrounds is empty")
    }
    if let sample = try await upstream.example() { try check(sample, with: background) }
    let description = try branch.description(of: fitted.stages).withoutDirectories
    return Fitted(
      BackgroundStage(settings: self, backgrounds: fitted.flow),
      description: [
        Self.name: [
          "mode": .string(mode.rawValue), "alpha": .number(alpha), "probability": .number(probability),
          "backgrounds": description,
        ]
      ])
  }

  public func earlierFit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample>? {
    try await fit(on: upstream, in: context)
  }
}

/// The stage with its backgrounds opened.
private struct BackgroundStage: Stage {
  let settings: Background
  let backgrounds: Flow<Sample>

  /// Number of backgrounds up to which they are kept in memory, so that few files are not decoded again and again.
  private static let keptCount = 1024
  /// Number of draws after which a sample fails, if the backgrounds that are drawn are all filtered out.
  private static let drawLimit = 10_000

  func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    let backgrounds =
      self.backgrounds.count > Self.keptCount
      ? self.backgrounds
      : self.backgrounds.mapBlocks(of: 1, keeping: 128 << 20, bytes: \.byteCount) { chunk, _ in chunk.slots }
    let about = upstream.about.changed {
      $0.inputs += self.backgrounds.about.inputs.filter { !upstream.about.inputs.contains($0) }
      $0.chunkSize = min($0.chunkSize, self.backgrounds.about.chunkSize)
    }
    let path = path.description
    return Flow(count: upstream.count, run: upstream.run, about: about, locate: upstream.locate) { positions, run in
      let key = Random.Key(seed: run.seed, path: path)
      var slots = try await upstream.read(positions, run)
      var waiting: [(index: Int, random: Random)] = []
      for index in slots.indices {
        guard case .element(var sample) = slots[index] else { continue }
        var random = Random(key: key, sample: sample.id.digest, epoch: run.epoch)
        if settings.probability >= 1 || random.chance(settings.probability) {
          waiting.append((index, random))
        } else if run.recordsDraws {
          sample.history.append(Draw(path: path, name: Background.name, parameters: .null))
          slots[index] = .element(sample)
        }
      }
      // A background that is filtered out is drawn again.
      for _ in 0..<Self.drawLimit where !waiting.isEmpty {
        let drawn = waiting.indices.map { waiting[$0].random.integer(in: 0...backgrounds.count - 1) }
        let wanted = Set(drawn).sorted()
        var branch = run
        branch.recordsDraws = false
        let found = Dictionary(uniqueKeysWithValues: zip(wanted, try await backgrounds.read(wanted, branch)))
        var left: [(index: Int, random: Random)] = []
        for (one, position) in zip(waiting, drawn) {
          try Task.checkCancellation()
          switch found[position]! {
          case .absent: left.append(one)
          case .failed(let error): fail(&slots[one.index], backgroundError(error), path)
          case .element(let background):
            try compose(&slots[one.index], background, one.random, path, recording: run.recordsDraws)
          }
        }
        waiting = left
      }
      for one in waiting { fail(&slots[one.index], .badData("the backgrounds are all filtered out"), path) }
      return slots
    }
  }

  private func compose(
    _ slot: inout Slot<Sample>, _ background: Sample, _ random: Random, _ path: String, recording: Bool
  ) throws {
    guard case .element(var sample) = slot else { return }
    var random = random
    do {
      try settings.check(sample, with: background)
    } catch let error as MirageError { return fail(&slot, error, path) }
    slot = .absent
    let other = background.bytes()
    let x = random.integer(in: 0...other.width - sample.size.width)
    let y = random.integer(in: 0...other.height - sample.size.height)
    try sample.withImage { $0.compose(with: other, x: x, y: y, by: settings.mode, weight: settings.alpha) }
    if sample.kind == .real { sample.kind = .augmented }
    if recording {
      let drawn: JSONValue = ["background": .string("\(background.id)"), "x": .integer(x), "y": .integer(y)]
      sample.history.append(Draw(path: path, name: Background.name, parameters: drawn))
    }
    slot = .element(sample)
  }

  private func fail(_ slot: inout Slot<Sample>, _ error: MirageError, _ path: String) {
    guard case .element(let sample) = slot else { return }
    let (origin, stage) = (sample.origin.description, "\(path) (\(Background.name))")
    slot = .failed(SampleError(id: sample.id, origin: origin, stage: stage, error: error))
  }
}

/// Returns the failure of a background as that of the sample before it.
private func backgroundError(_ error: SampleError) -> MirageError {
  var cause = error.error
  cause.message = "background \(error.id)\(error.origin.map { " (\($0))" } ?? ""): \(cause.message)"
  return cause
}
