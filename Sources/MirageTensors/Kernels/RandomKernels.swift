import CKernels
import MirageSupport

extension Tensor {
  /// Creates a tensor of random numbers, uniform over `span` from `low`, or normal with mean `low` and deviation `span`.
  static func filledRandomly(
    _ shape: [Int], isNormal: Bool, _ low: Float, _ span: Float, _ random: inout Random
  ) -> Tensor {
    let key = random.next()
    let total = shape.product
    return Tensor(shape: shape) { out in
      inParallel((total + 3) / 4, grain: grain / 16) { range in
        tensor_random(out, key, isNormal ? 1 : 0, low, span, total, range.lowerBound, range.count)
      }
    }
  }
}
