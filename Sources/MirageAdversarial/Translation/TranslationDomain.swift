import MirageLearning
import MirageSupport
import MirageTensors

/// A domain as the grids of a translation show it.
package struct TranslationDomain: Sendable {
  package var name: String
  package var coding: ImageCoding
  /// Images of the domain, N × H × W × C.
  package var images: Tensor

  package init(_ name: String, coding: ImageCoding, images: Tensor) {
    (self.name, self.coding, self.images) = (name, coding, images)
  }
}

extension [Batch] {
  /// Returns the batches of both domains in a step, neither of which is empty.
  ///
  /// - Throws: bad data if a filter emptied one of them.
  func ofBothDomains() throws -> (a: Batch, b: Batch) {
    guard count == 2, allSatisfy({ !$0.labels.isEmpty }) else {
      throw MirageError.badData("a batch of one of the domains has no image", remedy: "Put filters before the stage.")
    }
    return (self[0], self[1])
  }
}
