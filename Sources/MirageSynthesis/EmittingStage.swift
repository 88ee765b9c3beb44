import MirageSupport
import MirageMedia
import MirageStreams
import MirageTensors

/// A trained GAN at work: passes the real samples on, and adds synthetic ones behind them.
struct EmittingStage: Stage {
  private let model: ModelFile
  private let emission: Emission
  private let classifierPath: String?
  /// How images look in the flow; nil for bytes.
  private let maps: [ScaledImage.AffineMap]?

  /// - Parameter example: a sample of the flow that the stage is for; nil where there is none.
  init(_ model: ModelFile, _ emission: Emission, classifierPath: String?, like example: Sample?) {
    (self.model, self.emission, self.classifierPath) = (model, emission, classifierPath)
    if case .scaled(let image)? = example?.content { maps = image.maps } else { maps = nil }
  }

  /// Everything that determines the samples: the weights, not how they came about, and what is asked of them.
  func description(named name: String) throws -> JSONValue {
    var emit = emission
    emit.classifier = nil
    var fields: [String: JSONValue] = ["weights": .string(model.digest), "emit": try JSONValue(encoding: emit)]
    if emission.threshold > 0, let classifierPath {
      fields["classifier"] = .string(try Digest.sha256(file: classifierPath))
    }
    return .object([name: .object(fields)])
  }

  func apply(to upstream: Flow<Sample>, at path: StagePath) throws -> Flow<Sample> {

    emitting(try emission.order(behind: upstream, names: model.configuration.classes), upstream: upstream, at: path)

  }

  private func emitting(_ order: EmissionOrder, upstream: Flow<Sample>, at stagePath: StagePath) -> Flow<Sample> {
    let model = model
    let real = emission.syntheticOnly ? 0 : upstream.count
    let number = upstream.about.sources
    let about = upstream.about.changed {
      $0.sources += 1
      $0.grain = min($0.grain, Emitter.block)
      $0.inputs.append(model.path)
    }
    let isConditional = !model.configuration.classes.isEmpty
    @Sendable func place(_ ordinal: Int) -> Place {
      Place(
        id: SampleID(source: number, index: ordinal, synthetic: ordinal),
        label: isConditional ? order.label(of: ordinal) : nil)
    }
    let (emission, maps, path) = (emission, maps, classifierPath)
    let keyPath = stagePath.description
    let emitters = Emitters { seed in
      try await Emitter(
        model, emission, order, key: Random.Key(seed: seed, path: keyPath), classifierPath: path)
    }
    return Flow(
      count: real + order.count, run: upstream.run, about: about,
      locate: { position, run in
        position < real ? try upstream.locate(position, run) : place(position - real)
      },
      read: { positions, run in
        let wanted = positions.filter { $0 < real }
        var found = wanted.isEmpty ? [] : try await upstream.read(wanted, run)
        let ordinals = positions.filter { $0 >= real }.map { $0 - real }
        let made = ordinals.isEmpty ? [] : try await emitters.emitter(run.seed).samples(ordinals)
        var (nextFound, nextMade) = (0, 0)
        return positions.map { position in
          if position < real {
            defer { nextFound += 1 }
            var slot = Slot<Sample>.absent
            swap(&slot, &found[nextFound])
            return slot
          }
          defer { nextMade += 1 }
          let place = place(position - real)
          switch made[nextMade] {
          case .image(let image, let attempts):
            let content = maps.map { Sample.Content.scaled(ScaledImage(image, maps: $0)) } ?? .image(image)
            var sample = Sample(
              id: place.id, origin: Origin(model.path, member: position - real), content: content,
              label: place.label.map { .index($0) })
            sample.kind = .synthetic
            if emission.threshold > 0 { sample.attributes["attempts"] = .integer(attempts) }
            return .element(sample)
          case .rejected(let attempts):
            let name = place.label.map { " of class \(about.classes[$0])" } ?? ""
            let error = MirageError.badData(
              "the classifier recognized none of \(attempts) samples\(name) as its class",
              remedy: "Lower emit.threshold, or train the GAN for longer.")
            return .failed(SampleError(id: place.id, origin: nil, stage: keyPath, error: error))
          }
        }
      })
  }
}

/// The emitters of a flow, one for each seed it is read with.
private actor Emitters {
  private let make: @Sendable (UInt64) async throws -> Emitter
  private var known: [UInt64: Task<Emitter, any Error>] = [:]

  init(_ make: @escaping @Sendable (UInt64) async throws -> Emitter) { self.make = make }

  func emitter(_ seed: UInt64) async throws -> Emitter {
    if let task = known[seed] { return try await task.value }
    let task = Task { try await make(seed) }
    known[seed] = task
    return try await task.value
  }
}
