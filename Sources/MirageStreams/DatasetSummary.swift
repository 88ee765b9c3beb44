import MirageSupport

/// Statistics of one pass over a flow: classes, sizes, mean and deviation.
public struct DatasetSummary: Sendable {
  /// Counts of the samples by class and kind, and of those left out.
  public private(set) var counts = SampleCounts()
  /// Number of samples by height, width and channels.
  public private(set) var sizes: [String: Int] = [:]
  /// Mean and standard deviation of each channel.
  public private(set) var statistics = ChannelStatistics()
  private var hasMixedChannels = false

  /// Measures the first `limit` positions of a flow, or all if `limit` is nil.
  /// - Throws: the error of the first bad sample if the policy is to stop.
  public static func measure(_ flow: Flow<Sample>, limit: Int?, in context: Context) async throws -> DatasetSummary {
    var summary = DatasetSummary()
    let range = 0..<min(flow.count, limit ?? flow.count)
    let chunks = flow.processed(range, in: context) { sample in
      (sample.size, sample.label?.index, sample.kind, ChannelStatistics(sample))
    }
    for try await chunk in chunks {
      for slot in chunk.slots {
        switch slot {
        case .element(let (size, label, kind, statistics)):
          summary.counts.add(label, kind, classes: flow.about.classes)
          summary.sizes["\(size.height) x \(size.width) x \(size.channels)", default: 0] += 1
          if !summary.hasMixedChannels {
            do { try summary.statistics.add(statistics) } catch { summary.hasMixedChannels = true }
          }
        case .absent: break
        case .failed(let error): try summary.counts.skip(error, policy: context.policy)
        }
      }
    }
    return summary
  }

  /// The summary as JSON; `mean` and `std` are null if images of different channels are mixed.
  public var json: JSONValue {
    [
      "samples": .integer(counts.written), "classes": .object(counts.classes.mapValues { .integer($0) }),
      "kinds": .object(counts.kinds.mapValues { .integer($0) }), "sizes": .object(sizes.mapValues { .integer($0) }),
      "mean": hasMixedChannels ? .null : .array(statistics.mean.map { .number($0) }),
      "std": hasMixedChannels ? .null : .array(statistics.deviation.map { .number($0) }),
      "skipped": .integer(counts.skipped.count),
    ]
  }

  /// The summary as text for a terminal.
  public var text: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }.joined(separator: "\n")
    }
    var parts = ["samples: \(counts.written)"]
    if !counts.classes.isEmpty { parts.append("classes\n" + list(counts.classes)) }
    parts.append("kinds\n" + list(counts.kinds))
    parts.append("sizes (height x width x channels)\n" + list(sizes))
    if hasMixedChannels {
      parts.append("mean and deviation: images of different channels are mixed")
    } else {
      parts.append("mean: \(JSONValue.array(statistics.mean.map { .number($0) }).text)")
      parts.append("std: \(JSONValue.array(statistics.deviation.map { .number($0) }).text)")
    }
    if !counts.skipped.isEmpty { parts.append("skipped: \(counts.skipped.count)") }
    return parts.joined(separator: "\n")
  }
}

extension Flow {
  /// Returns the position of the sample with this id, found by a linear search; nil if there is none.
  public func position(of id: SampleID) throws -> Int? {
    for position in 0..<count {
      try checkCancellation(at: position)
      if try locate(position, run).id == id { return position }
    }
    return nil
  }
}

/// Checks at every 4096th position of a search whether the task was canceled.
func checkCancellation(at position: Int) throws {
  if position & 0xFFF == 0 { try Task.checkCancellation() }
}
