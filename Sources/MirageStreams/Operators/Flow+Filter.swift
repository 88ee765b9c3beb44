extension Flow {
  /// Returns a flow of the elements that satisfy a condition.
  ///
  /// Positions of excluded elements remain, empty: `count`, shards and the positions of other elements do not change.
  /// `isIncluded` runs as the closure of `map` does; an error that it throws fails only that sample.
  ///
  /// Excluded elements are read all the same; the stage `Filter`, which depends on classes only, does not read them. An
  /// asynchronous closure selects the standard library's `filter` instead.
  public func filter(_ isIncluded: @escaping @Sendable (Element) throws -> Bool) -> Flow {
    mapElements(stage: "filter") { try isIncluded($0) ? .element($0) : .absent }
  }
}
