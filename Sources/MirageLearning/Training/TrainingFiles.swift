import MirageSupport

/// The files of one GAN, named after its checkpoint: `fashion.safetensors`, beside it the best so far,
/// `fashion.best.safetensors`, and the folder `fashion-training` with grids, curves and the report.
public struct TrainingFiles: Sendable {
  /// The last state: what a training goes on from.
  public let last: String
  /// The state with the best metric: what samples are made with.
  public let best: String
  /// What shows how the training went.
  public let folder: String
  private let stem: String

  public init(checkpoint: String) {
    let suffix = ".safetensors"
    stem = checkpoint.hasSuffix(suffix) ? String(checkpoint.dropLast(suffix.count)) : checkpoint
    (last, best, folder) = (checkpoint, stem + ".best" + suffix, stem + "-training")
  }

  /// Holds the checkpoint for this process alone.
  /// - Throws: cannot-create if another process trains it.
  public func lock() throws -> FileLock {
    try makeDirectories(parentDirectory(last))
    return try FileLock(stem + ".lock", of: last, holder: "another run is training this checkpoint")
  }

  /// Puts what is there under other names, `fashion.previous-1.safetensors` and so on.
  /// - Returns: the new name of the checkpoint; nil if there was none.
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
