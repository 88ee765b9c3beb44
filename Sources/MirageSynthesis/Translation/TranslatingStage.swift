import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// A trained translation in a pipeline: samples of one domain become samples of the other.
///
/// Labels are kept or set; landmarks, boxes and attributes are carried, and the attribute `translated-from` names the
/// original. Samples are translated in fixed blocks of neighboring positions, since the last digits of networks depend on how
/// many are computed together. A generator's noise depends on the run's seed, the stage's path, the sample and the epoch.
struct TranslatingStage: Stage {
  let model: TranslationModel
  let translation: Translation
  /// Classes of the samples that are translated, by name or number; all samples if empty.
  let classes: [String]
  /// Class of the translations; nil if they keep their originals'.
  let label: Int?
  /// Samples at the same positions that are translated in place of what flows; nil to translate what flows.
  var inputs: Flow<Sample>?
  /// Description of the stages that make the inputs of what flows.
  var preparation: [JSONValue] = []

  /// Everything that determines the samples: weights and settings.
  func description(named name: String) throws -> JSONValue {
    [
      name: [
        "weights": .string(model.saved.digest), "translate": try JSONValue(encoding: translation),
        "classes": .array(classes.map { .string($0) }), "through": .array(preparation),
      ]
    ]
  }

  func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    let chosen = classes.isEmpty ? inputs ?? upstream : try Filter(classes: classes).apply(to: upstream, at: path)
    // Kept originals bring the data's inputs themselves.
    let inputs = translation.originals == .keep ? [] : upstream.about.inputs
    let translated = translated(chosen, inputs: inputs + [model.saved.path], at: path)
    switch translation.originals {
    case .drop: return translated
    case .keep: return try upstream.appending(translated)
    case .replace:
      if classes.isEmpty { return translated }
      let rest = try Filter(classes: classes, invert: true).apply(to: upstream, at: path)
      let names = upstream.about.classes
      let indices = Set(try classes.map { try classIndex($0, among: names, stage: path.description) })
      return Flow(copying: rest.filled(by: translated), about: translated.about) { [label] position, run in
        var header = try upstream.locate(position, run)
        if let label, header.label.map(indices.contains) ?? false { header.label = label }
        return header
      }
    }
  }

  /// Number of images that are translated at once: about a quarter of a million pixels, enough to fill the processors and
  /// little enough for the memory.
  static func blockSize(of shape: [Int]) -> Int { max(1, min(64, (1 << 18) / (shape[0] * shape[1]))) }

  private func translated(_ flow: Flow<Sample>, inputs: [String], at path: StagePath) -> Flow<Sample> {
    let (from, to) = model.codings(translation.direction)
    let networks = Built { [model, translation] in try model.generator(translation.direction) }
    let blocks = flow.mapBlocks(of: Self.blockSize(of: from.shape), bytes: \.byteCount) { chunk, run in
      try await translate(chunk, by: networks, from, to, at: path, in: run)
    }
    var about = blocks.about
    (about.inputs, about.numbers) = (inputs, to.format.numbers)
    guard let label else { return Flow(copying: blocks, about: about, locate: blocks.locate) }
    return Flow(copying: blocks, about: about) { position, run in
      var header = try blocks.locate(position, run)
      header.label = label
      return header
    }
  }

  @TensorActor
  private func translate(
    _ chunk: Chunk<Sample>, by networks: Built<any Layer>, _ from: ImageCoding, _ to: ImageCoding, at path: StagePath,
    in run: Run
  ) throws -> [Slot<Sample>] {
    let key = Random.Key(seed: run.seed, path: path.description)
    var rows: [Float] = []
    var noise: [Random] = []
    var slots = chunk.slots
    var places: [Int] = []
    for (place, slot) in slots.enumerated() {
      guard case .element(let sample) = slot else { continue }
      guard sample.format.hasShape(of: from.format) else {
        let error = MirageError.badData(
          "is \(sample.format), and the model translates \(from.format)",
          remedy: "Resize before the stage, or use a model trained on such images.")
        slots[place] = .failed(
          SampleError(id: sample.id, origin: sample.origin.description, stage: path.description, error: error))
        continue
      }
      from.append(sample, to: &rows)
      noise.append(Random(key: key, sample: sample.id.digest, epoch: run.epoch))
      places.append(place)
    }
    guard !places.isEmpty else { return slots }
    let generator = try networks.value()
    var images = Tensor(rows, shape: [places.count] + from.shape)
    if translation.direction == .forward { images = model.configuration.withNoise(images, from: noise) }
    let contents = to.contents(generator(images, .inference))
    for (place, content) in zip(places, contents) {
      guard case .element(var sample) = slots[place] else { continue }
      sample.attributes["translated-from"] = .string("\(sample.id)")
      (sample.content, sample.kind) = (content, .synthetic)
      if let label { sample.label = .index(label) }
      slots[place] = .element(sample)
    }
    return slots
  }
}

extension Flow<Sample> {
  /// Creates a flow of another's samples with its own properties and headers.
  fileprivate init(
    copying flow: Flow<Sample>, about: DatasetInfo, locate: @escaping @Sendable (Int, Run) throws -> SampleHeader
  ) {
    self.init(count: flow.count, run: flow.run, about: about, locate: locate, read: flow.read)
  }

  /// Returns a flow of this flow's samples and, at its empty positions, another's.
  fileprivate func filled(by other: Flow<Sample>) -> Flow<Sample> {
    let read = read
    return Flow(
      count: count, run: run, about: about, locate: locate,
      read: { positions, run in
        var slots = try await read(positions, run)
        let empty = slots.indices.filter { if case .absent = slots[$0] { true } else { false } }
        guard !empty.isEmpty else { return slots }
        let found = try await other.read(empty.map { positions[$0] }, run)
        for (place, slot) in zip(empty, found) { slots[place] = slot }
        return slots
      })
  }
}
