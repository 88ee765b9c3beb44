import MirageSupport
import MirageTensors
import Testing

/// A mismatch of shapes is a mistake of the program: it ends with a message that names the operation and the shapes, in
/// release builds too.
@Suite struct MessageTests {
  @Test(arguments: Mistake.allCases) func mistakesAreNamed(_ mistake: Mistake) async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [mistake] in
      mistake.make()
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains(mistake.message), "\(message.prefix(300))")
  }
}

enum Mistake: String, Codable, CaseIterable, Sendable {
  case matmulColumns, matmulTransposed, matmulBatch, convolutionChannels, convolutionGroups, convolutionTooSmall
  case convolutionBias, emptyBatch, transposedConvolution, add, multiply, maximum, concatenated, concatenatedNothing
  case reshape, reshapeOpen, reshapeNegative, gather, gatherNegative, slice, transposition, reduction, normalization
  case values, scalar, seed, untracked, uncountedPadding, resize, statistics

  var message: String {
    switch self {
    case .matmulColumns: "matmul: [2, 3] and [4, 5]"
    case .matmulTransposed: "matmul: [2, 3] transposed and [3, 2]"
    case .matmulBatch: "matmul: [2, 3, 4] and [3, 4, 5]"
    case .convolutionChannels: "convolved: [1, 8, 8, 3] with weights [4, 2, 3, 3] in 1 groups"
    case .convolutionGroups: "convolved: [1, 8, 8, 4] with weights [3, 2, 3, 3] in 2 groups"
    case .convolutionTooSmall: "convolved: [1, 2, 8, 3] with weights [4, 3, 3, 3]"
    case .convolutionBias: "convolved: bias [5] for weights [4, 3, 3, 3]"
    case .emptyBatch: "convolved: [0, 8, 8, 3] with weights [4, 3, 3, 3]"
    case .transposedConvolution: "transposeConvolved: [1, 8, 8, 3] with weights [4, 3, 3, 3]"
    case .add: "add: [2, 3] and [4]"
    case .multiply: "multiply: [2, 3] and [3, 3]"
    case .maximum: "maximum: [2] and [3]"
    case .concatenated: "concatenated along axis 1: [2, 3] and [3, 3]"
    case .concatenatedNothing: "concatenated: no tensor"
    case .reshape: "reshaped: [2, 3] into [4, 2]"
    case .reshapeOpen: "reshaped: [2, 3] into [-1, 4]"
    case .reshapeNegative: "reshaped: [2, 3] into [-2, -3]"
    case .gather: "gathered: place 3 of axis 1 of [2, 3]"
    case .gatherNegative: "gathered: place -1 of axis 0 of [2, 3]"
    case .slice: "sliced: 1..<4 of axis 1 of [2, 3]"
    case .transposition: "transposed: [2, 3] by [1, 1]"
    case .reduction: "a reduction of [2, 3] over axes [2]"
    case .normalization: "normalization of [2, 3] with a scale or offset of [4]"
    case .values: "5 values for a tensor of [2, 3]"
    case .scalar: "scalar of a tensor of [2, 3]"
    case .seed: "gradients: a seed of [3] for a tensor of [2, 3]"
    case .untracked: "gradients: with respect to a tensor that is not tracked"
    case .uncountedPadding: "averagePooled: padding [2] for size [3] does not count"
    case .resize: "resized: [1, 8, 8, 3] to [4]"
    case .statistics: "batchNormalized: [2, 3] with a mean of [3] and a variance of [2]"
    }
  }

  func make() {
    let x = Tensor.ones([2, 3])
    let image = Tensor.ones([1, 8, 8, 3])
    let weights = Tensor.ones([4, 3, 3, 3])
    switch self {
    case .matmulColumns: _ = matmul(x, .ones([4, 5]))
    case .matmulTransposed: _ = matmul(x, .ones([3, 2]), transposeA: true)
    case .matmulBatch: _ = matmul(.ones([2, 3, 4]), .ones([3, 4, 5]))
    case .convolutionChannels: _ = image.convolved(with: .ones([4, 2, 3, 3]))
    case .convolutionGroups: _ = Tensor.ones([1, 8, 8, 4]).convolved(with: .ones([3, 2, 3, 3]), groups: 2)
    case .convolutionTooSmall: _ = Tensor.ones([1, 2, 8, 3]).convolved(with: weights)
    case .convolutionBias: _ = image.convolved(with: weights, bias: .ones([5]))
    case .emptyBatch: _ = Tensor.ones([0, 8, 8, 3]).convolved(with: weights)
    case .transposedConvolution: _ = image.transposeConvolved(with: weights)
    case .add: _ = x + .ones([4])
    case .multiply: _ = x * .ones([3, 3])
    case .maximum: _ = MirageTensors.maximum(.ones([2]), .ones([3]))
    case .concatenated: _ = MirageTensors.concatenated([x, .ones([3, 3])], axis: 1)
    case .concatenatedNothing: _ = MirageTensors.concatenated([], axis: 0)
    case .reshape: _ = x.reshaped([4, 2])
    case .reshapeOpen: _ = x.reshaped([-1, 4])
    case .reshapeNegative: _ = x.reshaped([-2, -3])
    case .gather: _ = x.gathered([0, 3], axis: 1)
    case .gatherNegative: _ = x.gathered([-1], axis: 0)
    case .slice: _ = x.sliced(axis: 1, 1..<4)
    case .transposition: _ = x.transposed([1, 1])
    case .reduction: _ = x.sum(axes: [2])
    case .normalization: _ = x.batchNormalized(scale: .ones([4]), offset: .ones([4]))
    case .values: _ = Tensor([1, 2, 3, 4, 5], shape: [2, 3])
    case .scalar: _ = x.scalar
    case .seed: _ = x.tracked().gradients(wrt: [], seed: .ones([3]))
    case .untracked: _ = x.tracked().gradients(wrt: [x])
    case .uncountedPadding: _ = image.averagePooled(size: [3], padding: [2], countsPadding: false)
    case .resize: _ = image.resized(to: [4])
    case .statistics: _ = x.batchNormalized(mean: .ones([3]), variance: .ones([2]))
    }
  }
}
