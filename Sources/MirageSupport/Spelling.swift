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
