import MirageNetworks
import MirageSupport
import MirageTensors

/// Earlier fakes, some of which are shown to a discriminator instead of new ones (Shrivastava et al. 2017), as in the
/// CycleGAN repository.
package struct ImagePool {
  /// Maximum number of images that are kept; 0 for no pool.
  package let size: Int
  /// Images of 1 × H × W × C.
  package private(set) var images: [Tensor] = []
  private var random: Random

  package init(size: Int = 50, random: Random) { (self.size, self.random) = (size, random) }

  /// Returns the images to show for a batch of new fakes, N × H × W × C both.
  ///
  /// Each fake of the batch is treated independently. Until the pool is full, it is kept and shown. From then on, with
  /// probability 1/2 a random image of the pool is shown and replaced by the fake; else the fake is shown and not kept.
  package mutating func query(_ fakes: Tensor) -> Tensor {
    guard size > 0 else { return fakes.detached() }
    let shown = (0..<fakes.shape[0]).map { index in
      // The copy keeps an image in the pool from retaining its whole batch in memory.
      chosen(fakes.detached().gathered([index], axis: 0))
    }
    return shown.count == 1 ? shown[0] : concatenated(shown, axis: 0)
  }

  private mutating func chosen(_ fake: Tensor) -> Tensor {
    if images.count < size {
      images.append(fake)
      return fake
    }
    guard random.chance(0.5) else { return fake }
    let index = random.integer(in: 0...size - 1)
    defer { images[index] = fake }
    return images[index]
  }
}

// MARK: Checkpoints

extension ImagePool {
  /// Stores the images as the tensor `__pool.NAME`, N × H × W × C, their number as the text of that name, and the state of
  /// the random numbers.
  func store(in checkpoint: inout Checkpoint, as name: String) {
    let entry = "__pool.\(name)"
    checkpoint.metadata[entry] = String(images.count)
    checkpoint.tensors[entry] = images.isEmpty ? nil : concatenated(images, axis: 0)
    checkpoint.store(random: random, as: "pool_\(name)")
  }

  /// Restores a stored pool.
  ///
  /// - Parameter shape: H, W, C of the images.
  /// - Throws: bad data naming the entry that is missing or does not fit.
  mutating func restore(from checkpoint: Checkpoint, as name: String, of shape: [Int]) throws {
    let entry = "__pool.\(name)"
    func error(_ message: String) -> MirageError {
      .badData(
        message, file: checkpoint.path, place: "entry \(entry)",
        remedy: "The checkpoint belongs to another training, or is damaged: use another, or train again.")
    }
    guard let text = checkpoint.metadata[entry] else { throw error("the checkpoint holds no image pool \(name)") }
    guard let count = Int(text), (0...size).contains(count) else {
      throw error("the image pool has \(text.prefix(100)) images in the checkpoint and at most \(size) here")
    }
    var restored: [Tensor] = []
    if count > 0 {
      guard let stored = checkpoint.tensors[entry] else { throw error("the images of the pool are missing") }
      guard stored.shape == [count] + shape else {
        throw error("the image pool has shape \(stored.shape) in the checkpoint and \([count] + shape) here")
      }
      restored = (0..<count).map { stored.gathered([$0], axis: 0) }
    }
    random = try checkpoint.random(from: "pool_\(name)")
    images = restored
  }
}
