import MirageSupport

/// What distinguishes a sample from every other of a run: its name in outputs, and what random draws are keyed by.
public struct SampleID: Hashable, Sendable {
  /// Which of several interleaved sources.
  public var source: Int
  /// The sample's place in its source.
  public var index: Int
  /// Which repetition of the source.
  public var pass: Int
  /// Which copy.
  public var variant: Int
  /// Which of the samples that a generator emitted; nil for samples that were read.
  public var synthetic: Int?

  public init(source: Int = 0, index: Int, pass: Int = 0, variant: Int = 0, synthetic: Int? = nil) {
    (self.source, self.index, self.pass, self.variant) = (source, index, pass, variant)
    self.synthetic = synthetic
  }

  /// A number that stands for the whole id in random draws.
  public var digest: UInt64 {
    var hash: UInt64 = mix64(UInt64(truncatingIfNeeded: index))
    hash = mix64(hash ^ UInt64(truncatingIfNeeded: source &* 0x1_0000_0001 &+ variant))
    hash = mix64(hash ^ UInt64(truncatingIfNeeded: pass))
    return mix64(hash ^ UInt64(truncatingIfNeeded: synthetic ?? -1))
  }
}

extension SampleID: LosslessStringConvertible {
  /// The whole id without dots, such as `s0-00000042-p0-v1`, with `-g7` behind it for the eighth synthetic sample.
  public var description: String {
    let digits = String(index)
    return "s\(source)-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits)-p\(pass)-v\(variant)"
      + (synthetic.map { "-g\($0)" } ?? "")
  }

  public init?(_ description: String) {
    let parts = description.split(separator: "-", omittingEmptySubsequences: false)
    func number(_ part: Int, _ letter: String) -> Int? {
      guard part < parts.count, parts[part].hasPrefix(letter) else { return nil }
      return Int(parts[part].dropFirst(letter.count))
    }
    guard parts.count == 4 || parts.count == 5, let source = number(0, "s"), let index = number(1, ""),
      let pass = number(2, "p"), let variant = number(3, "v")
    else { return nil }
    if parts.count == 5 && number(4, "g") == nil { return nil }
    self.init(source: source, index: index, pass: pass, variant: variant, synthetic: number(4, "g"))
  }
}
