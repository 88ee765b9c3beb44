extension Flow {
  /// Returns a flow of the elements that satisfy a condition.
  ///
  /// The others' positions remain and are empty: `count`, shards and the places of all other elements do not change.
  /// `isIncluded` runs as the closure of `map` does; an error that it throws is the failure of that one sample.
  ///
  /// Not done: an element that is left out is read all the same. The stage `Filter`, which looks at classes only, does
  /// not read it. A closure that awaits is the standard library's `filter` instead.
  public func filter(_ isIncluded: @escaping @Sendable (Element) throws -> Bool) -> Flow {
    mapElements(stage: "filter") { try isIncluded($0) ? .element($0) : .absent }
  }
}
