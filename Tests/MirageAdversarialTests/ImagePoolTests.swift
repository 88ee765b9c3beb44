import MirageAdversarial
import MirageSupport
import MirageTensors
import Testing

/// The laws of the published image pool. Fakes are 1 × 1 × 1 images whose only number is their order.
@Suite struct ImagePoolTests {
  private func fakes(_ numbers: Range<Int>) -> Tensor {
    Tensor(numbers.map { Float($0) }, shape: [numbers.count, 1, 1, 1])
  }

  private func values(_ pool: ImagePool) -> [Float] { pool.images.flatMap(\.values) }

  @Test func ofSizeZeroItIsOff() {
    var pool = ImagePool(size: 0, random: randomNumbers("pool"))
    for batch in 0..<20 {
      #expect(pool.query(fakes(3 * batch..<3 * batch + 3)).values == fakes(3 * batch..<3 * batch + 3).values)
    }
    #expect(pool.images.isEmpty)
  }

  @Test func untilItIsFullItKeepsAndShowsWhatComes() {
    var pool = ImagePool(size: 5, random: randomNumbers("pool"))
    #expect(pool.query(fakes(0..<2)).values == [0, 1])
    #expect(pool.query(fakes(2..<4)).values == [2, 3])
    #expect(values(pool) == [0, 1, 2, 3] && pool.images.allSatisfy { $0.shape == [1, 1, 1, 1] })
    // The last free place is the first image's of this batch; the others are drawn for.
    let shown = pool.query(fakes(4..<7)).values
    #expect(shown[0] == 4 && values(pool).count == 5)
  }

  /// Each image of a batch is shown itself and not kept, or takes the place of the one shown: nothing is shown that was not
  /// given, and nothing in the pool is given away twice.
  @Test(arguments: [1, 4]) func itShowsTheNewImageOrSwapsIt(batch: Int) {
    var pool = ImagePool(size: 50, random: randomNumbers("pool/\(batch)"))
    var (kept, old, places) = (Set<Float>(), 0, Set<Int>())
    for first in stride(from: 0, to: 4000, by: batch) {
      let before = values(pool)
      let shown = pool.query(fakes(first..<first + batch))
      #expect(shown.shape == [batch, 1, 1, 1])
      for (offset, value) in shown.values.enumerated() {
        let new = Float(first + offset)
        if first + offset < 50 {
          #expect(value == new)
          kept.insert(new)
        } else if value != new {
          old += 1
          #expect(kept.remove(value) != nil)
          kept.insert(new)
          if let place = before.firstIndex(of: value) { places.insert(place) }
        }
      }
      #expect(Set(values(pool)) == kept)
    }
    // 3950 draws of probability 1/2: 1975 ± 31; all places are drawn.
    #expect((1850...2100).contains(old))
    #expect(places.count == 50)
  }

  @Test func equalRandomNumbersGiveEqualChoices() {
    func shown(_ path: String, batch: Int) -> [Float] {
      var pool = ImagePool(size: 3, random: randomNumbers(path))
      return stride(from: 0, to: 60, by: batch).flatMap { pool.query(fakes($0..<$0 + batch)).values }
    }
    #expect(shown("one", batch: 1) == shown("one", batch: 1))
    #expect(shown("one", batch: 1) == shown("one", batch: 4))
    #expect(shown("one", batch: 1) != shown("two", batch: 1))
  }

  /// Images of the pool have no history, whatever is given.
  @Test func itKeepsNoGraph() {
    var pool = ImagePool(size: 2, random: randomNumbers("pool"))
    let nodes = recordedOperations
    do {
      let leaf = fakes(0..<2).tracked()
      _ = pool.query(leaf * 2)
    }
    #expect(recordedOperations == nodes && values(pool) == [0, 2])
  }
}
