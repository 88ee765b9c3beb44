import MirageSupport

extension Flow<Sample> {
  /// Splits the positions: about nine tenths for training and one tenth for testing. All samples that derive from one
  /// sample of the source, such as its copies, are in the same part.
  ///
  /// - Throws: errors of locating positions; bad data if one part would be empty.
  public func splitForTesting(seed: UInt64) throws -> (train: [Int], test: [Int]) {
    var (train, test): ([Int], [Int]) = ([], [])
    for position in 0..<count {
      try checkCancellation(at: position)
      let id = try locate(position, run).id
      let sample = SampleID(source: id.source, index: id.index).digest
      if mix64(sample ^ seed) % 10 == 0 { test.append(position) } else { train.append(position) }
    }
    guard !train.isEmpty && !test.isEmpty else {
      throw MirageError.badData(
        "\(count) samples are too few to keep some for testing", remedy: "Name a dataset to test on.")
    }
    return (train, test)
  }
}
