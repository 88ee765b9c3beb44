import MirageSupport

/// Unique identifier of a sample in a run. It names the sample in outputs and is the key of its random draws.
public struct SampleID: Hashable, Sendable {
  /// Index of the source among several interleaved ones. Defaults to 0.
  public var source: Int
  /// Index of the sample in its source.
  public var index: Int
  /// Index of the repetition of the source. Defaults to 0.
  public var pass: Int
  /// Index of the copy. Defaults to 0.
  public var variant: Int
  /// Index among the samples of a generator; nil for samples that were read.
  public var synthetic: Int?

  public init(source: Int = 0, index: Int, pass: Int = 0, variant: Int = 0, synthetic: Int? = nil) {
    (self.source, self.index, self.pass, self.variant) = (source, index, pass, variant)
    self.synthetic = synthetic
  }

  /// Hash of the whole id, used as the key of random draws.
  public var digest: UInt64 {
    var hash: UInt64 = mix64(UInt64(truncatingIfNeeded: index))
    hash = mix64(hash ^ UInt64(truncatingIfNeeded: source &* 0x1_0000_0001 &+ variant))
    hash = mix64(hash ^ UInt64(truncatingIfNeeded: pass))
    return mix64(hash ^ UInt64(truncatingIfNeeded: synthetic ?? -1))
  }
}

extension SampleID: LosslessStringConvertible {
  /// The whole id without dots, such as `s0-00000042-p0-v1`, followed by `-g7` for the eighth synthetic sample.
  public var description: String {
    let digits = String(index)
    return "s\(source)-\(String(repeating: "0", count: max(0, 8 - digits.count)))\(digits)-p\(pass)-v\(variant)"
      + (synthetic.map { "-g\($0)" } ?? "")
  }

  /// Parses the form that `description` gives; nil if the text is not of this form.
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
