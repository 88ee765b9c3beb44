import ArgumentParser
import Foundation
import Mirage

struct PreviewCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "preview", abstract: "Draw a sheet of originals (left) beside what the pipeline makes of them.",
    discussion: """
      EXAMPLES
        mirage preview Pipelines/quickstart.yaml --output sheet.png
        mirage preview fashion.yaml --output sheet.png --count 12 --variants 8
      """)

  @OptionGroup var options: PipelineOptions

  @Option(help: "The PNG file to write.", completion: .file(extensions: ["png"]))
  var output: String

  @Option(help: "Number of originals, spread over the dataset.")
  var count = 10

  @Option(help: "Number of variants of each original: copies first, then further epochs.")
  var variants = 6

  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    if !(1...1000).contains(count) { throw ValidationError("--count must be from 1 to 1000.") }
    if !(1...100).contains(variants) { throw ValidationError("--variants must be from 1 to 100.") }
  }

  func run() async throws {
    let pipeline = try options.load()
    threads.prepare(for: pipeline)
    let sheet = try await ContactSheet.make(pipeline, originals: count, variants: variants)
    warn(leftOut: sheet.leftOut)
    try OutputFile.replace(output, with: PNG.encode(sheet.image))
    print("\(output): \(sheet.rows) originals with up to \(variants) variants each")
  }
}
