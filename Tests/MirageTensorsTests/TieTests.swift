import MirageTensors
import Testing

/// What happens where several elements are equal.
@Suite struct TieTests {
  @Test func theFirstOfEqualElementsIsTheGreatest() {
    let x = Tensor([1, 3, 3, 3, 2, 2, 0, -1, 0], shape: [3, 3])
    #expect(x.argmax(axis: 1) == [1, 0, 0])
    #expect(x.argmax(axis: 0) == [1, 0, 0])
    #expect(Tensor.zeros([2, 4]).argmax(axis: 1) == [0, 0])
  }

  /// The gradient of a maximum sums to the gradient that comes in.
  @Test func equalElementsShareTheGradient() {
    let x = Tensor([1, 3, 3, 3, 3, 3, 0, -1, -2], shape: [3, 3]).tracked()
    let gradient = (x.max(axis: 1) * Tensor([1, 6, 4], shape: [3])).sum().gradients(wrt: [x])[0]
    #expect(gradient.values == [0, 0.5, 0.5, 2, 2, 2, 4, 0, 0])
  }
}
