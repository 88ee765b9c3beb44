import MirageSupport
import MirageTensors

extension DerivativeCase {
  /// Sizes and settings of a convolution, or of a transposed one.
  private struct Geometry {
    var x, weights: [Int]
    var stride = [1]
    var padding = [0]
    var outputPadding = [0]
    var dilation = [1]
    var groups = 1
    var isTransposed = false

    func differentiated(_ name: String, _ index: Int) -> DerivativeCase {
      var random = generator(name + "\(index)")
      let outputs = isTransposed ? weights[1] * groups : weights[0]
      let inputs = [x, weights, [outputs]].map { Tensor.uniform($0, in: -1...1, using: &random) }
      let one = self
      return DerivativeCase("\(name) \(index): \(x) with \(weights)", index % 2 == 0 ? inputs : inputs.dropLast()) {
        let bias = $0.count == 3 ? $0[2] : nil
        return one.isTransposed
          ? $0[0].transposeConvolved(
            with: $0[1], bias: bias, stride: one.stride, padding: one.padding, outputPadding: one.outputPadding,
            dilation: one.dilation, groups: one.groups)
          : $0[0].convolved(
            with: $0[1], bias: bias, stride: one.stride, padding: one.padding, dilation: one.dilation,
            groups: one.groups)
      }
    }
  }

  static let convolutions: [DerivativeCase] = {
    let plain: [Geometry] = [
      Geometry(x: [1, 1, 1, 1], weights: [1, 1, 1, 1]),
      Geometry(x: [2, 5, 4, 3], weights: [4, 3, 3, 3]),
      // Strides that leave rows over.
      Geometry(x: [1, 6, 5, 2], weights: [3, 2, 3, 2], stride: [2, 3], padding: [1, 0]),
      Geometry(x: [2, 7, 6, 4], weights: [6, 2, 3, 3], stride: [2], padding: [1], groups: 2),
      Geometry(x: [1, 5, 5, 3], weights: [3, 1, 3, 3], padding: [2], groups: 3),  // depthwise
      Geometry(x: [1, 7, 8, 2], weights: [2, 2, 3, 3], padding: [2, 1], dilation: [2, 3]),
      Geometry(x: [3, 4, 4, 5], weights: [7, 5, 1, 1], stride: [2]),
      Geometry(x: [1, 3, 3, 2], weights: [1, 2, 3, 3], padding: [2]),
      Geometry(x: [2, 9, 3], weights: [4, 3, 4], stride: [2], padding: [1]),
      Geometry(x: [1, 8, 4], weights: [4, 2, 3], padding: [2], dilation: [2], groups: 2),
      // Large enough for minimal filtering: 3 x 3, 4 x 4 of strides 1 and 2, 3 x 3 of stride 2.
      Geometry(x: [4, 13, 11, 16], weights: [17, 16, 3, 3], padding: [1]),
      Geometry(x: [4, 11, 9, 17], weights: [16, 17, 4, 4], padding: [2]),
      Geometry(x: [8, 17, 15, 16], weights: [18, 16, 4, 4], stride: [2], padding: [1]),
      Geometry(x: [13, 15, 15, 16], weights: [16, 16, 3, 3], stride: [2], padding: [1]),
    ]
    let transposed: [Geometry] = [
      Geometry(x: [1, 1, 1, 1], weights: [1, 1, 1, 1], isTransposed: true),
      Geometry(x: [2, 3, 4, 3], weights: [3, 2, 4, 4], stride: [2], padding: [1], isTransposed: true),
      Geometry(
        x: [1, 3, 2, 2], weights: [2, 3, 3, 3], stride: [2, 3], padding: [1], outputPadding: [1, 2], isTransposed: true),
      Geometry(x: [1, 4, 3, 4], weights: [4, 3, 3, 2], stride: [2], groups: 2, isTransposed: true),
      Geometry(x: [2, 4, 3, 2], weights: [2, 2, 3, 3], padding: [1], dilation: [2], isTransposed: true),
      Geometry(x: [1, 1, 1, 7], weights: [7, 3, 4, 4], isTransposed: true),
      Geometry(x: [2, 5, 3], weights: [3, 2, 5], stride: [4], padding: [1], outputPadding: [3], isTransposed: true),
      Geometry(x: [8, 8, 7, 16], weights: [16, 17, 4, 4], stride: [2], padding: [1], isTransposed: true),
    ]
    return plain.enumerated().map { $1.differentiated("convolution", $0) }
      + transposed.enumerated().map { $1.differentiated("transposed convolution", $0) }
  }()
}
