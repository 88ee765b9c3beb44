import MirageAdversarial
import MirageSupport
import MirageMedia
import MirageStreams
import MirageSynthesis
import StreamsTestSupport
import TestSupport

/// GANs that train within a second.
enum SmallStage {
  static let classes = ["ant", "bee", "cat"]

  /// Images of 8 × 8 for perceptrons.
  static let source = TestSource(count: 30, classes: classes, height: 8, width: 8)

  /// A perceptron of a few steps.
  static func gan(
    _ checkpoint: String, steps: Int = 6, change: (inout ConditionalGAN) -> Void = { _ in }
  ) throws -> ConditionalGAN {
    var stage = ConditionalGAN(checkpoint: checkpoint, emit: Emission(perClass: 50))
    stage.model.network = .fullyConnected
    stage.model.latent = 8
    (stage.train.steps, stage.train.batch) = (steps, 7)
    stage.watch.metric = .last
    (stage.watch.gridEvery, stage.watch.checkpointEvery) = (4, 4)
    change(&stage)
    return stage
  }

  static func pipeline(
    _ stage: any StageComponent, source: any SourceComponent = source, before: [any StageComponent] = []
  ) -> Pipeline {
    Pipeline(seed: 3, source: source, stages: before + [stage])
  }

  static func fitted(
    _ pipeline: Pipeline, _ run: Run = Run(seed: 3), retrains: Bool = false,
    report: @escaping @Sendable (FittingProgress) -> Void = { _ in }
  ) async throws -> Flow<Sample> {
    var context = Context(workers: 2, policy: pipeline.policy, fitting: .fit)
    (context.retrains, context.report) = (retrains, report)
    return try await pipeline.fitted(run, in: context).flow
  }
}
