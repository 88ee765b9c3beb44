import ArgumentParser
import Foundation
import Mirage

struct TrainClassifierCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train-classifier",
    abstract: "Train a small convolutional network to tell a dataset's classes apart, and report its accuracy.",
    discussion: """
      DATASET is a directory with MNIST, CIFAR, image folders or WebDataset shards, a CIFAR archive, or a pipeline file,
      whose output is then trained on. Where the dataset has no test part, and --test names none, a tenth of the samples
      is kept for testing.

      The file is safetensors; its weights have the names of a torch.nn.Sequential of the same layers.

      EXAMPLES
        mirage train-classifier /usr/share/datasets/fashion-mnist --output classifier.safetensors
        mirage train-classifier augmented.yaml --test data/test --output classifier.safetensors --epochs 20
      """)

  @Argument(help: "The dataset, or a pipeline file.", completion: .directory)
  var dataset: String

  @Option(help: "The file to write.", completion: .file(extensions: ["safetensors"]))
  var output: String

  @Option(help: "The dataset to test on, instead of the dataset's own test part.", completion: .directory)
  var test: String?

  @Option(help: "Passes over the training samples.")
  var epochs = 8

  @Option(help: "Samples a step.")
  var batch = 128

  @Option(help: "The learning rate at its highest.")
  var learningRate: Float = 1e-3

  @Option(help: "Random seed of the initial weights and of the order of samples.")
  var seed: UInt64 = 0

  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Replace a file that is there already.")
  var overwrite = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(help: "Print the result only.")
  var quiet = false

  func validate() throws {
    if !(1...100_000).contains(epochs) { throw ValidationError("--epochs must be from 1 to 100000.") }
    if !(1...65_536).contains(batch) { throw ValidationError("--batch must be from 1 to 65536.") }
    if !(learningRate > 0 && learningRate < 100) { throw ValidationError("--learning-rate must be above 0.") }
  }

  func run() async throws {
    threads.prepare()
    try checkWritable(output, overwrite: overwrite)
    let (train, held) = try await parts()
    var training = ClassifierTraining()
    (training.epochs, training.learningRate, training.seed) = (epochs, learningRate, seed)
    let start = ContinuousClock.now
    let line = ProgressLine(isQuiet: quiet || json)
    let result: (checkpoint: Checkpoint, accuracy: Double)
    do {
      result = try await training.run(train: train, test: held) { line.show($0) }
      line.end()
    } catch {
      line.end()
      if error is CancellationError, !quiet { Terminal.message("Stopped; nothing was written.") }
      throw error
    }
    try result.checkpoint.write(to: output)
    let seconds = start.duration(to: .now) / .seconds(1)
    let steps = epochs * train.batches
    if json {
      let report: JSONValue = [
        "accuracy": .number(result.accuracy), "steps": .integer(steps), "seconds": .number(seconds),
        "tested": .integer(held.count), "file": .string(output),
      ]
      print(report.text)
    } else {
      print(
        "\(NumberText.percent(result.accuracy)) % of \(NumberText.grouped(held.count)) test samples classified right after "
          + "\(NumberText.grouped(steps)) steps (\(NumberText.fixed(seconds, decimals: 1)) s); written to \(output)")
    }
  }

  private func parts() async throws -> (train: Batches, test: Batches) {
    let location = try DatasetLocation(dataset)
    guard let test else {
      let parts = try await location.parts(batch: batch, seed: seed)
      if parts.isSplit && !quiet {
        Terminal.message(
          "\(dataset) has no test part: \(NumberText.grouped(parts.test.count)) of its samples are kept for testing.")
      }
      return (parts.train, parts.test)
    }
    guard let all = try await location.flow(.train, fitting: .requireTrained) else {
      throw MirageError(.missingInput, "has no training samples", file: dataset)
    }
    let held = try await DatasetLocation(test).samplesToTest()
    guard held.about.classes == all.about.classes else {
      throw MirageError.badData(
        "the test data's classes are \(held.about.classes), the training data's \(all.about.classes)", file: test,
        remedy: "Use test data of the same classes.")
    }
    return (Batches(all, size: batch), Batches(held, size: 256))
  }
}

struct TestClassifierCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test-classifier", abstract: "Measure a trained classifier's accuracy on a dataset.",
    discussion: """
      FILE is what train-classifier wrote, or PyTorch's weights (.safetensors or .pth) of the same layers. Of DATASET the
      test part is used, where it has one.

      EXAMPLES
        mirage test-classifier classifier.safetensors /usr/share/datasets/fashion-mnist
      """)

  @Argument(help: "The classifier.", completion: .file(extensions: ["safetensors", "pth"]))
  var file: String

  @Argument(help: "The dataset, or a pipeline file.", completion: .directory)
  var dataset: String

  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    threads.prepare()
    let checkpoint = try Checkpoint(reading: file)
    let flow = try await DatasetLocation(dataset).samplesToTest()
    let accuracy: Double
    do {
      accuracy = try await ClassifierTraining.accuracy(of: checkpoint, on: Batches(flow, size: 256))
    } catch let error as MirageError { throw error.located(file: file) }
    if json {
      let report: JSONValue = ["accuracy": .number(accuracy), "tested": .integer(flow.count)]
      print(report.text)
    } else {
      print("\(NumberText.percent(accuracy)) % of \(NumberText.grouped(flow.count)) samples classified right")
    }
  }
}
