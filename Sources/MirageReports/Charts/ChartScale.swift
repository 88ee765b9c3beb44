import MirageSupport
import Glibc

/// Mapping of values to a length from 0 to 1, with its ticks.
struct ChartScale {
  let low, high: Double
  let isLogarithmic: Bool
  /// Values of the grid lines, ascending.
  let ticks: [Double]
  private let tickStep: Double

  /// Creates a scale over the values' range, with about `count` ticks.
  ///
  /// - Parameters:
  ///   - values: finite numbers; positive ones if the scale is logarithmic.
  ///   - isRounded: whether the scale is widened to begin and end at a tick.
  init(_ values: [Double], isLogarithmic: Bool = false, count: Int, isRounded: Bool = true) {
    self.isLogarithmic = isLogarithmic
    var (low, high) = (values.min() ?? 0, values.max() ?? 1)
    if isLogarithmic {
      if values.isEmpty { (low, high) = (1, 10) }
      if high / low < 1.2 { (low, high) = (low / 2, high * 2) }
      (ticks, self.low, self.high) = Self.powers(low, high, count: count, isRounded: isRounded)
      tickStep = 0
      return
    }
    // The values are equal, or so close that the labels of ticks between them would be.
    if high - low <= max(max(abs(low), abs(high)) * 1e-9, 1e-100) {
      let half = abs(low) < 1e-100 ? 1 : abs(low) * 0.1
      (low, high) = (low - half, high + half)
    }
    let step = Self.step((high - low) / Double(count))
    tickStep = step
    let slack = isRounded ? 0 : 1e-9
    let first = isRounded ? (low / step + 1e-9).rounded(.down) : (low / step - slack).rounded(.up)
    let last = isRounded ? (high / step - 1e-9).rounded(.up) : (high / step + slack).rounded(.down)
    ticks = (0...Int(max(0, last - first))).map { (first + Double($0)) * step }
    self.low = isRounded ? ticks.first! : low
    self.high = isRounded ? ticks.last! : high
  }

  /// Rounds a width to 1, 2 or 5 times a power of ten.
  private static func step(_ width: Double) -> Double {
    let power = pow(10, log10(width).rounded(.down))
    let factor =
      switch width / power {
      case ..<1.414: 1.0
      case ..<3.162: 2.0
      case ..<7.071: 5.0
      default: 10.0
      }
    return power * factor
  }

  /// Returns ticks of a logarithmic scale: powers of ten, and twice and five times those if there is room.
  private static func powers(
    _ low: Double, _ high: Double, count: Int, isRounded: Bool
  ) -> (ticks: [Double], low: Double, high: Double) {
    let (first, last) = (Int(log10(low).rounded(.down)), Int(log10(high).rounded(.up)))
    let factors: [Double] = log10(high / low) < Double(count) / 2 ? [1, 2, 5] : [1]
    let every = factors.count > 1 ? 1 : max(1, Int((Double(last - first) / Double(count)).rounded(.up)))
    var candidates = stride(from: first, through: last, by: every).flatMap { exponent in
      factors.map { $0 * pow(10, Double(exponent)) }
    }
    if candidates.last! < high { candidates.append(candidates.last! * pow(10, Double(every))) }
    let (below, above) = (low * (1 + 1e-9), high * (1 - 1e-9))
    if isRounded {
      let start = candidates.lastIndex { $0 <= below } ?? 0
      let end = candidates.firstIndex { $0 >= above } ?? candidates.count - 1
      let ticks = Array(candidates[start...end])
      return (ticks, ticks.first!, ticks.last!)
    }
    return (candidates.filter { $0 >= low * (1 - 1e-9) && $0 <= high * (1 + 1e-9) }, low, high)
  }

  /// Creates a logarithmic scale with the given ticks.
  init(logarithmicAt ticks: [Double]) {
    let scale = ChartScale(ticks, isLogarithmic: true, count: 2, isRounded: false)
    (low, high, isLogarithmic, tickStep) = (scale.low, scale.high, true, 0)
    self.ticks = ticks
  }

  /// Returns the position of a value, from 0 at the low end to 1 at the high end.
  func position(_ value: Double) -> Double {
    isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
  }

  /// Returns the label of a tick.
  func label(_ tick: Double) -> String {
    if isLogarithmic {
      return tick < 1e-3 || tick >= 1e6
        ? NumberText.scientific(tick, digits: 2, .typographic)
        : NumberText.trimmed(NumberText.significant(tick, digits: 6, .typographic))
    }
    let largest = max(abs(low), abs(high))
    if largest >= 1e6 || largest < 1e-3 { return NumberText.scientific(tick, digits: 3, .typographic) }
    return NumberText.fixed(tick, decimals: max(0, -Int((log10(tickStep) + 1e-9).rounded(.down))), .typographic)
  }
}
