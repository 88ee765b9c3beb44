/// Parts of words in American and in British spelling.
private let spellings = [
  ("color", "colour"), ("gray", "grey"), ("center", "centre"), ("ization", "isation"), ("neighbor", "neighbour"),
]

/// Returns the American spelling of a setting's name or value, for pipeline files and checkpoints with older names:
/// `colour` is `color`, `memorisation` is `memorization`. Other names are returned unchanged.
package func americanSpelling(_ name: String) -> String {
  spellings.reduce(name) { $0.replacing($1.1, with: $1.0) }
}

/// Returns the older spelling of a setting's name or value; the name itself if there is none.
package func britishSpelling(_ name: String) -> String {
  spellings.reduce(name) { $0.replacing($1.0, with: $1.1) }
}

/// The name nearest to `word` by edit distance; nil if none is near enough to be meant.
package func nearest(to word: String, among names: some Sequence<String>) -> String? {
  names.map { ($0, editDistance(word.lowercased(), $0.lowercased())) }
    .filter { $0.1 <= max(1, max(word.count, $0.0.count) / 2) }
    .min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
}

/// Levenshtein's distance: insertions, deletions and substitutions between two texts.
private func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, character) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let substituted = diagonal + (character == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
    }
  }
  return row[b.count]
}
