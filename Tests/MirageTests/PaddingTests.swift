import Mirage
import Testing

/// Sides of paddings in the forms that pipeline files allow.
@Suite struct PaddingTests {
  @Test(arguments: [
    ("3", [3, 3, 3, 3]), ("[3]", [3, 3, 3, 3]), ("[1, 2]", [1, 2, 1, 2]), ("[1, 2, 3, 4]", [1, 2, 3, 4]),
  ]) func sidesAreLeftTopRightBottom(_ text: String, _ sides: [Int]) throws {
    let pipeline = try PipelineFile.parse("source: {mnist: none}\nstages: [{pad: {padding: \(text)}}]")
    let padding = try #require(pipeline.stages[0] as? Pad).padding
    #expect([padding.left, padding.top, padding.right, padding.bottom] == sides)
  }
}
