import MirageEvaluation
import MirageSupport
import MirageStreams
import TestSupport
import Testing

@Suite struct SplitTests {
  @Test func variantsOfASampleFallOnTheSameSide() throws {
    let flow = try Copies(3).apply(
      to: MNIST(directory: repository + "/Samples/fashion-mnist").flow(in: Context()), at: .root.stage(0))
    let (train, test) = try flow.splitForTesting(seed: 1)
    #expect(train.count + test.count == flow.count && Set(train + test).count == flow.count)
    #expect((8...12).contains(100 * test.count / flow.count))
    func sources(_ positions: [Int]) throws -> Set<Int> {
      try Set(positions.map { try flow.locate($0, flow.run).id.index })
    }
    #expect(try sources(train).isDisjoint(with: sources(test)))
    #expect(try flow.splitForTesting(seed: 2).test != test && flow.splitForTesting(seed: 1).test == test)
  }

  @Test func tooFewSamplesAreAnError() throws {
    let flow = try Take(1).apply(
      to: MNIST(directory: repository + "/Samples/fashion-mnist").flow(in: Context()), at: .root.stage(0))
    #expect(throws: MirageError.self) { try flow.splitForTesting(seed: 1) }
  }
}
