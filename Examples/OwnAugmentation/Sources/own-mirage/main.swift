import Mirage

let registry = Registry.standard.adding(Vignette.self)
for path in CommandLine.arguments.dropFirst() {
  let report = try await PipelineFile.load(path, registry: registry).run()
  print("\(report.counts.written) samples in \(report.directory)")
}
