import ArgumentParser
import Foundation
import Mirage

struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a pipeline's GANs, and fit its other stages, without writing samples.",
    discussion: """
      The checkpoint is where the stage says. Beside it, in a folder of its name, lie the report (report.html), sample
      grids, and curves that TensorBoard shows. A training that was interrupted goes on; one that is finished is kept.

      EXAMPLES
        mirage train Pipelines/fashion-mnist-gan.yaml
        mirage train fashion.yaml --set stages.1.conditional-gan.train.steps=200
        mirage train fashion.yaml --retrain
      """)

  @OptionGroup var options: PipelineOptions
  @OptionGroup var work: WorkOptions
  @OptionGroup var training: TrainingOptions

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Print errors only.")
  var quiet = false

  func run() async throws {
    var pipeline = try options.load()
    work.apply(to: &pipeline)
    training.threads.prepare()
    guard pipeline.stages.contains(where: { if case .estimator = $0.role { true } else { false } }) else {
      throw MirageError(
        .badPipeline, "\(options.pipeline) has no stage to train", remedy: "Add one, such as conditional-gan.")
    }
    var context = work.context(for: pipeline)
    context.fitting = .fit
    context.retrains = training.retrain
    let line = ProgressLine(isQuiet: quiet || json)
    context.report = { line.show($0) }
    let start = ContinuousClock.now
    let fitted: FittedPipeline
    do {
      fitted = try await pipeline.fitted(in: context)
      line.end()
    } catch {
      line.end()
      if error is CancellationError, !quiet {
        Terminal.message("Stopped; the training is kept, and the same command goes on with it.")
      }
      throw error
    }
    let seconds = start.duration(to: .now) / .seconds(1)
    let models = fitted.stages.filter { $0.component is any TrainedEstimator }.compactMap(\.fitted).map(Model.init)
    if json {
      let result: JSONValue = [
        "seconds": .number(seconds),
        "models": .array(
          models.map { ["file": .string($0.file), "step": .integer($0.step), "metrics": $0.metrics] }),
      ]
      print(result.text)
    } else if !quiet {
      for model in models {
        print("\(model.file): \(NumberText.grouped(model.step)) steps, last metrics \(model.metrics.text)")
      }
      print("Done in \(NumberText.fixed(seconds, decimals: 1)) s.")
    }
  }

  /// Result of a stage's training.
  private struct Model {
    let file: String
    let step: Int
    let metrics: JSONValue

    init(_ fitted: Fitted<Sample, Sample>) {
      file = fitted.files[0]
      step = fitted.measures.first { $0.name == "step" }.map { Int($0.value) } ?? 0
      let metrics = fitted.measures.filter { $0.name != "step" }.map { ($0.name, JSONValue.number($0.value)) }
      self.metrics = .object(Dictionary(metrics) { $1 })
    }
  }
}
