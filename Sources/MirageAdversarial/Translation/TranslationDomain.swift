import MirageLearning
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
