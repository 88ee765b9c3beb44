import MirageNetworks
import MirageSupport
import MirageTensors

/// Random places at which the features of a map are compared.
package struct PatchPlaces {
  /// Rows of the map's features, N·H·W × C: as many for each image, image by image.
  package let rows: [Int]
  private let count, height, width: Int

  /// Draws different places for each image of a map, `count` of them or all if the map has fewer.
  ///
  /// - Parameter shape: N × H × W × C.
  package init(_ count: Int, in shape: [Int], using random: inout Random) {
    (height, width) = (shape[1], shape[2])
    let size = height * width
    self.count = min(count, size)
    var rows: [Int] = []
    rows.reserveCapacity(shape[0] * self.count)
    // The first part of a shuffle; only exchanged places are kept.
    for image in 0..<shape[0] {
      var moved: [Int: Int] = [:]
      for index in 0..<self.count {
        let other = random.integer(in: index...size - 1)
        rows.append(image * size + (moved[other] ?? other))
        moved[other] = moved[index] ?? index
      }
    }
    self.rows = rows
  }

  /// Returns the features at the places, rows × C.
  ///
  /// - Parameter isMirrored: Whether the map is that of images flipped left to right, in which the same places are on the
  ///   other side.
  package func features(of map: Tensor, isMirrored: Bool = false) -> Tensor {
    let rows = isMirrored ? rows.map { $0 - $0 % width + (width - 1 - $0 % width) } : rows
    return map.reshaped([-1, map.shape[3]]).gathered(rows, axis: 0)
  }

  /// Contrastive loss of patches (InfoNCE; van den Oord et al. 2018): how badly a patch recognizes the one of its own place
  /// among all places of the same image, as a cross-entropy.
  ///
  /// - Parameters:
  ///   - queries: Unit vectors at the places, rows × width.
  ///   - keys: Unit vectors at the same places of the other image.
  ///   - temperature: Divisor of the cosines, above 0.
  package func loss(_ queries: Tensor, _ keys: Tensor, temperature: Float) -> Tensor {
    func byImage(_ vectors: Tensor) -> Tensor { vectors.reshaped([-1, count, vectors.shape[1]]) }
    let cosines = matmul(byImage(queries), byImage(keys), transposeB: true)
    return Losses.crossEntropy(
      logits: (cosines * (1 / temperature)).reshaped([-1, count]), labels: rows.indices.map { $0 % count })
  }
}
