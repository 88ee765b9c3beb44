import MirageSupport

/// Files of one training, named after its checkpoint `fashion.safetensors`: the best checkpoint is
/// `fashion.best.safetensors`, and the folder `fashion-training` holds grids, curves and the report.
public struct TrainingFiles: Sendable {
  /// Path of the checkpoint with the last state, from which a training is resumed.
  public let last: String
  /// Path of the checkpoint with the best metric, which samples are generated with.
  public let best: String
  /// Path of the folder with the history and the report.
  public let folder: String
  private let stem: String

  /// Derives the paths from that of the checkpoint.
  public init(checkpoint: String) {
    let suffix = ".safetensors"
    stem = checkpoint.hasSuffix(suffix) ? String(checkpoint.dropLast(suffix.count)) : checkpoint
    (last, best, folder) = (checkpoint, stem + ".best" + suffix, stem + "-training")
  }

  /// Locks the checkpoint for this process.
  /// - Throws: cannot-create if another process is training it.
  public func lock() throws -> FileLock {
    try makeDirectories(parentDirectory(last))
    return try FileLock(stem + ".lock", of: last, holder: "another run is training this checkpoint")
  }

  /// Renames the existing files to `fashion.previous-1.safetensors` and so on.
  /// - Returns: the new path of the checkpoint; nil if there was none.
  public func keepPrevious() throws -> String? {
    guard FileKind(last) != .missing else { return nil }
    var number = 1
    func previous() -> TrainingFiles { TrainingFiles(checkpoint: "\(stem).previous-\(number).safetensors") }
    while [previous().last, previous().folder].contains(where: { FileKind($0) != .missing }) { number += 1 }
    let names = previous()
    for (old, new) in [(folder, names.folder), (best, names.best), (last, names.last)] where FileKind(old) != .missing {
      try moveFile(old, to: new)
    }
    return names.last
  }
}
