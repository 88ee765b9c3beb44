import ArgumentParser
import Foundation
import Mirage

struct SynthesizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "synthesize", abstract: "Make samples with a trained GAN: files, a grid, or an interpolation.",
    discussion: """
      The same seed gives the same samples: the first hundred of a thousand are those of a hundred.

      EXAMPLES
        mirage synthesize --model fashion.safetensors --count 1000 --output out/made
        mirage synthesize --model fashion.safetensors --count 100 --class Bag --class Coat --output out/made
        mirage synthesize --model fashion.safetensors --grid grid.png
        mirage synthesize --model fashion.safetensors --interpolation strip.png --between 1 --between 2
      """)

  @Option(help: "A GAN's checkpoint.", completion: .file(extensions: ["safetensors"]))
  var model: String

  @Option(help: "Number of samples, of all classes equally often.")
  var count: Int?

  @Option(name: .customLong("class"), help: "Only this class, by name or number; may be given several times.")
  var classes: [String] = []

  @Option(help: "Random seed.")
  var seed: UInt64 = 0

  @Option(help: "Write image files into class folders here.", completion: .directory)
  var output: String?

  @Option(help: "Draw a grid as a PNG file: a column for each class.", completion: .file(extensions: ["png"]))
  var grid: String?

  @Option(help: "Draw the way between two seeds as a PNG file: a row for each class.")
  var interpolation: String?

  @Option(help: "A seed that the interpolation begins or ends with; given twice.")
  var between: [UInt64] = []

  @Option(help: "Rows of the grid.")
  var rows = 8

  @Option(help: "Images of the interpolation, the ends included.")
  var frames = 10

  @Option(help: Emission.settings.help("truncation"))
  var truncation = Emission().truncation

  @Option(help: Emission.settings.help("threshold"))
  var threshold = Emission().threshold

  @Option(help: "Classifier that rejects samples.", completion: .file(extensions: ["safetensors", "pth"]))
  var classifier: String?

  @Flag(help: "Continue writing files where an interrupted run ended.")
  var resume = false

  @Flag(help: "Replace existing output.")
  var overwrite = false

  @OptionGroup var threads: ThreadOptions

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  func validate() throws {
    if [output, grid, interpolation].allSatisfy({ $0 == nil }) {
      throw ValidationError("Say what to make: --output DIR with --count, --grid FILE or --interpolation FILE.")
    }
    if (output == nil) != (count == nil) { throw ValidationError("--output and --count belong together.") }
    if let count, !(1...1_000_000_000).contains(count) { throw ValidationError("--count must be at least 1.") }
    if (interpolation == nil) != between.isEmpty || !(between.isEmpty || between.count == 2) {
      throw ValidationError("--interpolation needs two seeds: --between 1 --between 2.")
    }
    if !(1...1000).contains(rows) { throw ValidationError("--rows must be from 1 to 1000.") }
    if !(2...1000).contains(frames) { throw ValidationError("--frames must be from 2 to 1000.") }
    try Emission.settings.check(option: "truncation", .number(truncation))
    try Emission.settings.check(option: "threshold", .number(threshold))
    if threshold > 0 && classifier == nil { throw ValidationError("--threshold needs a --classifier.") }
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other.") }
  }

  func run() async throws {
    threads.prepare()
    let file = try ModelFile(reading: model)
    if let grid {
      try checkWritable(grid, overwrite: overwrite)
      let image = try await SampleGrid.samples(
        of: file, classes: classes, rows: rows, truncation: truncation, seed: seed)
      try OutputFile.replace(grid, with: PNG.encode(image))
      if !quiet { print("\(grid): \(image.width) x \(image.height) pixels") }
    }
    if let interpolation {
      try checkWritable(interpolation, overwrite: overwrite)
      let image = try await SampleGrid.interpolation(
        of: file, classes: classes, from: between[0], to: between[1], frames: frames, truncation: truncation)
      try OutputFile.replace(interpolation, with: PNG.encode(image))
      if !quiet { print("\(interpolation): \(image.width) x \(image.height) pixels") }
    }
    if let output, let count { try await write(count, to: output) }
  }

  private func write(_ count: Int, to output: String) async throws {
    let emission = Emission(
      count: count, classes: classes, truncation: truncation, threshold: threshold, classifier: classifier)
    let pipeline = Pipeline(
      name: "synthesize", seed: seed, source: GANSource(checkpoint: model, emit: emission),
      sink: ImageFolderSink(directory: output))
    var options = RunOptions()
    options.existing = resume ? .resume : overwrite ? .overwrite : .refuse
    let line = ProgressLine(isQuiet: quiet)
    let start = ContinuousClock.now
    defer { line.end() }
    let report = try await pipeline.run(options) { line.show($0) }
    line.end()
    let seconds = start.duration(to: .now) / .seconds(1)
    if !quiet {
      print(
        "\(NumberText.grouped(report.counts.written)) samples in \(report.directory) (\(NumberText.fixed(seconds, decimals: 1)) s, "
          + "\(NumberText.grouped(Int(Double(report.counts.written) / max(seconds, 1e-3)))) images/s)")
    }
  }
}
