/// Title and direction of a series, derived from its name.
struct MeasureName {
  let title: String
  let lowerIsBetter: Bool

  var direction: String { lowerIsBetter ? "lower is better" : "higher is better" }

  init(_ name: String) {
    let last = name.split(separator: "/", maxSplits: 1).last.map(String.init) ?? name
    let words = last.split(separator: "-").map(String.init)
    let shown = words.enumerated().map { index, word in
      Self.acronyms.contains(word)
        ? word.uppercased() : index == 0 ? word.prefix(1).uppercased() + word.dropFirst() : word
    }
    title = shown.joined(separator: " ")
    lowerIsBetter = words.contains { ["fid", "kid", "lpips", "distance", "error", "loss", "divergence"].contains($0) }
  }

  static func prefix(of name: String) -> String {
    name.split(separator: "/", maxSplits: 1).first.map(String.init) ?? name
  }

  private static let acronyms: Set = ["fid", "kid", "lpips", "ssim", "psnr", "ema"]
}
