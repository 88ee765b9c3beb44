import MirageSupport

extension Flow<Sample> {
  /// The positions for training and about a tenth of them for testing. Everything that was made of one sample of the
  /// source, such as its copies, falls on the same side.
  ///
  /// - Throws: what telling the ids throws; bad data where one side would be empty.
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
