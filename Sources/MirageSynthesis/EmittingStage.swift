import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageTensors

/// A stage with a trained generator, which passes the real samples on and then adds synthetic ones.
///
/// Sample n is independent of the other samples that are read: its latent is determined by the stage's path, n and the
/// attempt. Samples are generated in whole blocks of 64, since rounding depends on the size of a batch.
package struct EmittingStage: Stage {
  /// A generator, and the classifier that rejects its samples; nil for no rejection.
  package typealias Networks = (generator: any Generator, classifier: (any FeatureNetwork)?)

  /// Number of samples per batch of the generator.
  static let blockSize = 64

  private let configuration: GANConfiguration
  private let coding: any SampleCoding
  private let emission: Emission
  /// File of the generator, which is the samples' origin.
  private let file: String
  private let digest: String
  private let classifierPath: String?
  /// Number type of the samples in the flow, to which generated content is converted.
  private let numbers: Format.Numbers
  private let convert: @Sendable (Sample) -> Sample.Content
  private let networks: Built<Networks>

  /// - Parameters:
  ///   - coding: conversion of the generator's rows to samples.
  ///   - digest: digest of the generator's weights.
  ///   - classifierPath: file of the classifier that rejects samples; nil if there is none.
  ///   - example: a sample of the flow, whose number type is used; nil if the flow is empty.
  ///   - networks: creates the networks; called once, before the first sample is generated.
  package init(
    _ configuration: GANConfiguration, _ coding: any SampleCoding, _ emission: Emission, file: String, digest: String,
    classifierPath: String?, like example: Sample?, networks: @escaping @TensorActor () throws -> Networks
  ) {
    (self.configuration, self.coding, self.emission) = (configuration, coding, emission)
    (self.file, self.digest) = (file, digest)
    self.classifierPath = emission.threshold > 0 ? classifierPath : nil
    switch example?.content {
    case .scaled(let image)?:
      numbers = .floats
      convert = { [maps = image.maps] sample in
        if case .scaled(let own) = sample.content, own.maps == maps { return sample.content }
        return .scaled(ScaledImage(sample.bytes(), maps: maps))
      }
    case .image?: (numbers, convert) = (.bytes, { .image($0.bytes()) })
    case .audio?, .vacant?, nil: (numbers, convert) = (coding.format.numbers, \.content)
    }
    self.networks = Built(networks)
  }

  /// Creates a stage with the averaged weights of a model file.
  init(_ model: ModelFile, _ emission: Emission, classifierPath: String?, like example: Sample?) {
    self.init(
      model.configuration, model.coding, emission, file: model.path, digest: model.digest,
      classifierPath: classifierPath, like: example
    ) {
      let generator = try model.generator()
      guard emission.threshold > 0, let classifierPath else { return (generator, nil) }
      let own = model.configuration
      let images = ImageClassifier.Configuration(
        height: own.height, width: own.width, channels: own.channels, classes: own.classes)
      return (generator, try ImageClassifier(images, from: Checkpoint(reading: classifierPath)))
    }
  }

  /// Returns everything that determines the samples: weights, settings, and the weights of the rejecting classifier.
  func description(named name: String) throws -> JSONValue {
    var emit = emission
    emit.classifier = nil
    var fields: [String: JSONValue] = ["weights": .string(digest), "emit": try JSONValue(encoding: emit)]
    if let classifierPath { fields["classifier"] = .string(try Digest.sha256(file: classifierPath)) }
    return .object([name: .object(fields)])
  }

  package func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {
    try apply(to: upstream, drawingBy: path, at: path)
  }

  /// - Parameter key: path that determines the latents; `path`, except for `GANSource`, which keeps its earlier draws.
  func apply(to upstream: Flow<Sample>, drawingBy key: StagePath, at path: StagePath) throws -> Flow<Sample> {
    try emission.check(classifier: classifierPath)
    let order = try emission.order(behind: upstream, names: configuration.classes)
    let real = emission.syntheticOnly ? try Take(0).apply(to: upstream, at: path) : upstream
    return try real.appending(generated(order, like: upstream.about, drawingBy: key, at: path))
  }

  private func generated(
    _ order: EmissionOrder, like real: DatasetInfo, drawingBy keyPath: StagePath, at path: StagePath
  ) -> Flow<Sample> {
    let isConditional = !configuration.classes.isEmpty
    @Sendable func place(_ ordinal: Int) -> SampleHeader {
      SampleHeader(
        id: SampleID(index: ordinal, synthetic: ordinal), label: isConditional ? order.label(of: ordinal) : nil)
    }
    var about = DatasetInfo(
      classes: real.classes, inputs: [file] + (classifierPath.map { [$0] } ?? []), chunkSize: Self.blockSize)
    (about.domain, about.numbers) = (coding.format.domain, numbers)
    return Flow<Sample>.generated(
      count: order.count, inBlocksOf: Self.blockSize, about: about, dependsOnEpoch: false, bytes: \.byteCount,
      locate: { ordinal, _ in place(ordinal) },
      generate: { ordinals, run in
        let key = Random.Key(seed: run.seed, path: keyPath.description)
        return zip(ordinals, try await contents(of: ordinals, order, key: key)).map { ordinal, made in
          slot(made, place(ordinal), classes: real.classes, at: path)
        }
      }
    ).map { sample in
      var sample = sample
      sample.content = convert(sample)
      return sample
    }
  }

  private func slot(_ made: Made?, _ place: SampleHeader, classes: [String], at path: StagePath) -> Slot<Sample> {
    guard let made else {
      let name = place.label.map { " of class \(classes[$0])" } ?? ""
      let error = MirageError.badData(
        "the classifier recognized none of \(emission.attempts) samples\(name) as its class",
        remedy: "Lower emit.threshold, or train the GAN for longer.")
      return .failed(SampleError(id: place.id, origin: nil, stage: path.description, error: error))
    }
    var sample = Sample(
      id: place.id, origin: Origin(file, member: place.id.index), content: made.content,
      label: place.label.map { .index($0) })
    sample.kind = .synthetic
    if emission.threshold > 0 { sample.attributes["attempts"] = .integer(made.attempts) }
    return .element(sample)
  }

  /// Content, and the number of draws until the classifier accepted it.
  private typealias Made = (content: Sample.Content, attempts: Int)

  /// Returns the content of each sample; nil if the classifier accepted none.
  ///
  /// - Parameter ordinals: a block, or the used part of the last block, which is generated as a whole.
  @TensorActor
  private func contents(of ordinals: Range<Int>, _ order: EmissionOrder, key: Random.Key) throws -> [Made?] {
    let (generator, classifier) = try networks.value()
    let block = ordinals.lowerBound..<ordinals.lowerBound + Self.blockSize
    let labels = block.map { order.label(of: min($0, order.count - 1)) }
    var made = [Made?](repeating: nil, count: ordinals.count)
    for attempt in 1...(classifier == nil ? 1 : max(1, emission.attempts)) where made.contains(where: { $0 == nil }) {
      try Task.checkCancellation()
      let latents = block.map { ordinal in
        var random = Random(key: key, sample: UInt64(ordinal), epoch: attempt)
        return configuration.latents(1, truncation: Float(emission.truncation), using: &random)
      }
      let rows = generator(concatenated(latents, axis: 0), labels, .inference)
      let contents = coding.contents(rows)
      let probabilities = classifier?.predictions(of: coding.quantized(rows)).logits.softmax()
      let (values, classes) = (probabilities?.values, configuration.classes.count)
      for place in made.indices where made[place] == nil {
        if let values, Double(values[place * classes + labels[place]]) < emission.threshold { continue }
        made[place] = (contents[place], attempt)
      }
    }
    return made
  }
}
