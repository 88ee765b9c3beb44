import MirageLearning
import MirageMedia
import MirageStreams
import MirageSupport
import MirageSynthesis
import StreamsTestSupport
import TestSupport
import Testing

/// Forty dark and light images, of which only some can be read.
struct LimitedSource: SourceComponent {
  static let declaration = Declaration("limited", "Images of which only some can be read")

  /// Indices of the samples that can be read.
  var readable: Set<Int>
  /// Index of the first sample.
  var first = 0
  var side = 4
  var isLabeled = true

  func flow(in context: Context) -> Flow<Sample> {
    let (readable, first, side, isLabeled) = (readable, first, side, isLabeled)
    let flow = lights(40, from: first, height: side, width: side)
    let about = DatasetInfo(classes: isLabeled ? flow.about.classes : [], inputs: [], chunkSize: 8)
    return Flow(
      count: flow.count, about: about,
      locate: { position, _ in
        SampleHeader(id: SampleID(index: first + position), label: isLabeled ? (first + position) % 2 : nil)
      },
      read: { positions, _ in
        positions.map { position in
          let index = first + position
          guard readable.contains(index) else {
            let error = MirageError(.badData, "nobody may look at sample \(index)")
            return .failed(SampleError(id: SampleID(index: index), origin: nil, error: error))
          }
          var sample = light(index, height: side, width: side)
          if !isLabeled { sample.label = nil }
          return .element(sample)
        }
      })
  }
}

/// What each arm of a proof is trained on.
@Suite struct ProofTests {
  let directory = TemporaryDirectory()

  /// The classical augmentation turns dark into light: who is trained with it is always wrong, who is not is always right.
  /// And of the data only the subset can be read: an arm that looked at more would fail.
  @Test func armsHaveTheirOwnDataAndAugmentation() async throws {
    let run = Run(seed: 5 + 1)
    let whole = LimitedSource(readable: [])
    let subset = try Subset(perClass: 4).apply(to: whole.flow(in: Context()).running(run), at: StagePath.root.stage(0))
    let readable = try Set((0..<subset.count).map { try subset.locate($0, run).id.index })
    #expect(readable.count == 8)
    let gan = try SmallStage.gan(directory.file("unused.safetensors"), steps: 1)
    let pipeline = Pipeline(
      seed: 5, source: LimitedSource(readable: readable), stages: [gan, Invert(probability: 1)])
    let gain = Proof(
      try SmallDataDesign(pipeline), .init(sizes: [4], seeds: 1, classifierSteps: 25, ganSteps: 1),
      in: directory.file("proof"))
    let test = Batches(lights(60, from: 1000, height: 4, width: 4), size: 60)
    let accuracies = try await gain.run(test: test) { _ in }
      .reduce(into: [String: Double]()) { $0[$1.arm] = $1.accuracy }
    #expect(accuracies.count == 4)
    #expect(accuracies["real"]! == 1 && accuracies["real + GAN"]! > 0.9, "\(accuracies)")
    #expect(accuracies["real + classical"]! == 0 && accuracies["real + classical + GAN"]! < 0.1, "\(accuracies)")
  }

  private struct Design: ProofDesign {
    let arms = ["real", "classical", "gan", "both"]
    let references = ["real", "classical"]
    let sizeTitle = "per class"
    var test: Pipeline { Pipeline(source: LimitedSource(readable: [])) }
    let identity: [String: JSONValue] = [:]
    func training(_ trial: Trial) async throws -> TrialTraining { throw CancellationError() }
  }

  /// Gains are differences from the reference arms, seed by seed.
  @Test func gainsArePairedDifferences() throws {
    let accuracies: [String: [Double]] = [
      "real": [0.5, 0.6, 0.4], "classical": [0.7, 0.7, 0.7], "gan": [0.5, 0.7, 0.6], "both": [0.4, 0.5, 0.3],
    ]
    var outcomes: [Proof.Outcome] = []
    for (arm, values) in accuracies {
      for (index, accuracy) in values.enumerated() {
        let outcome: JSONValue = [
          "size": 20, "seed": .integer(index + 1), "arm": .string(arm), "accuracy": .number(accuracy),
        ]
        outcomes.append(try outcome.decoded(as: Proof.Outcome.self))
      }
    }
    let cells = GainTable(outcomes, of: Design()).cells
    #expect(cells.map(\.arm) == Design().arms)
    func near(_ value: Double?, _ expected: Double) -> Bool { value.map { abs($0 - expected) < 1e-9 } ?? false }
    for (cell, gains) in zip(
      cells,
      [["classical": -0.2], ["real": 0.2], ["real": 0.1, "classical": -0.1], ["real": -0.1, "classical": -0.3]])
    {
      #expect(Dictionary(uniqueKeysWithValues: cell.gains.map { ($0.reference, $0.value) }).count == gains.count)
      for gain in cell.gains { #expect(near(gain.value, gains[gain.reference] ?? .nan), "\(cell.arm)") }
      #expect(cell.seeds == 3 && cell.size == 20 && near(cell.value, accuracies[cell.arm]!.reduce(0, +) / 3))
    }
    // Differences of .0, .1 and .2, and Student's t for two degrees of freedom.
    #expect(near(cells[2].gains[0].interval, 4.303 * 0.1 / 3.0.squareRoot()) && near(cells[3].gains[0].interval, 0))
  }
}
