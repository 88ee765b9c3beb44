import MirageSupport
import MirageMedia

/// An overview image of a pipeline: each row shows an original and the pipeline's results for it.
public struct ContactSheet: Sendable {
  /// The overview as one image.
  public let image: Image
  /// Number of rows.
  public let rows: Int
  /// Stages that are not shown because they are not fitted yet.
  public let leftOut: [String]

  /// Maximum number of positions that are searched for samples.
  private static let searchLimit = 2_000_000

  /// Renders the overview of a pipeline.
  ///
  /// - Parameters:
  ///   - pipeline: pipeline that is shown.
  ///   - originals: number of originals, spread evenly over the pipeline's positions.
  ///   - variants: number of results per original: copies first, then the same sample in further epochs.
  /// - Throws: bad data if the pipeline gives no sample to show.
  public static func make(_ pipeline: Pipeline, originals: Int, variants: Int) async throws -> ContactSheet {
    let run = Run(seed: pipeline.seed)
    let context = Context(fitting: .leaveOut)
    let fitted = try await pipeline.fitted(run, in: context)
    let flow = fitted.flow
    var bare = pipeline
    bare.stages = []
    let source = try await bare.fitted(run, in: context).flow
    // One row per sample; samples are distinguished by their index in the source.
    var wanted: [Key] = []
    let rows = min(originals, flow.count)
    for row in 0..<rows {
      let id = try flow.locate(Shard(index: row, count: rows).range(of: flow.count).lowerBound, run).id
      if !wanted.contains(Key(id)) { wanted.append(Key(id)) }
    }
    var cells: [[Image]] = []
    let found = try positions(of: wanted, in: source, run, most: 1)
    for key in wanted { cells.append(try await images(found[key] ?? [], of: source, run)) }
    var epoch = 0
    while epoch < variants, cells.contains(where: { $0.count <= variants }) {
      let there = run.inEpoch(epoch)
      let found = try positions(of: wanted, in: flow, there, most: variants)
      for (row, key) in wanted.enumerated() where cells[row].count <= variants {
        let room = variants + 1 - cells[row].count
        cells[row] += try await images(Array((found[key] ?? []).prefix(room)), of: flow, there)
      }
      epoch += 1
    }
    guard cells.contains(where: { !$0.isEmpty }) else {
      throw MirageError(.badData, "the pipeline gives no sample to show")
    }
    var grid = ImageGrid(rows: cells)
    // An indent sets the originals apart.
    (grid.side, grid.gap, grid.indent) = (84, 4, 12)
    return ContactSheet(image: grid.image, rows: cells.count, leftOut: fitted.leftOut)
  }

  private struct Key: Hashable {
    let source, index: Int
    init(_ id: SampleID) { (source, index) = (id.source, id.index) }
  }

  private static func positions(
    of keys: [Key], in flow: Flow<Sample>, _ run: Run, most: Int
  ) throws -> [Key: [Int]] {
    let wanted = Set(keys)
    var found: [Key: [Int]] = [:]
    for position in 0..<min(flow.count, searchLimit) {
      try checkCancellation(at: position)
      let key = Key(try flow.locate(position, run).id)
      if wanted.contains(key), found[key, default: []].count < most { found[key, default: []].append(position) }
    }
    return found
  }

  private static func images(_ positions: [Int], of flow: Flow<Sample>, _ run: Run) async throws -> [Image] {
    try await flow.read(positions, run).compactMap { slot in
      switch slot {
      case .element(let sample): sample.bytes().converted(to: .rgb)
      case .absent: nil
      case .failed(let error): throw error
      }
    }
  }
}
