extension Registry {
  static let combinations: [Entry] = [
    Entry(
      name: OneOf.name, kind: .augmentation, summary: "One of several augmentations",
      fields: [
        Field("of", .components([.augmentation]), "the choices"),
        Field("weights", .numbers(0...Double.infinity, count: 1...1000), .null, "one for each; equal if not given"),
        probability(),
      ], primary: "of"
    ) { settings, parts in
      struct Settings: Decodable {
        var weights: [Double]?
        var probability: Double
      }
      let own = try settings.decoded(as: Settings.self)
      return try OneOf(try parts["of"]!.map(stage), weights: own.weights, probability: own.probability)
    },
    Entry(
      name: SomeOf.name, kind: .augmentation, summary: "Some of several augmentations, in random order",
      fields: [
        Field("of", .components([.augmentation]), "the choices"),
        Field("count", .integerRange(0...1000), "how many of them"), probability(),
      ], primary: nil
    ) { settings, parts in
      struct Settings: Decodable {
        var count: ClosedRange<Int>
        var probability: Double
      }
      let own = try settings.decoded(as: Settings.self)
      return try SomeOf(try parts["of"]!.map(stage), count: own.count, probability: own.probability)
    },
    Entry(
      name: Sometimes.name, kind: .augmentation, summary: "All of its augmentations, to some of the samples",
      fields: [Field("apply", .components([.augmentation]), "what is applied, in order"), probability(0.5)],
      primary: "apply"
    ) { settings, parts in
      struct Settings: Decodable { var probability: Double }
      return try Sometimes(try parts["apply"]!.map(stage), probability: settings.decoded(as: Settings.self).probability)
    },
  ]

  private static func alpha(_ standard: Double) -> Field {
    Field("alpha", .number(0.01...100), .number(standard), "of the Beta distribution that shares are drawn from")
  }

  static let flows: [Entry] = [
    .plain(
      Copies.self, .stage, "Several variants of each sample, side by side", primary: "count",
      [Field("count", .integer(1...1_000_000), "how many")]),
    .plain(
      Repeat.self, .stage, "The whole flow several times; each pass draws and shuffles anew", primary: "times",
      [Field("times", .integer(1...1_000_000_000), "how many times")]),
    .plain(
      Take.self, .stage, "The first positions; those that a filter emptied count too", primary: "count",
      [Field("count", .integer(0...Int.max), "how many")]),
    .plain(
      Skip.self, .stage, "All but the first positions", primary: "count",
      [Field("count", .integer(0...Int.max), "how many")]
    ),
    .plain(Shuffle.self, .stage, "All samples in random order, another one in each epoch", []),
    .plain(
      Filter.self, .stage, "Keeps the samples of certain classes", primary: "classes",
      [
        Field("classes", .strings, "by name or number"),
        Field("invert", .boolean, false, "keep all others instead"),
      ]),
    .plain(
      Balance.self, .stage, "As many samples of every class; small classes come again", primary: "per-class",
      [Field("per-class", .integer(0...Int.max), 0, "how many; 0 for as many as the largest class has")]),
    .plain(
      Subset.self, .stage, "A few samples of every class, the same in every epoch", primary: "per-class",
      [Field("per-class", .integer(1...Int.max), "how many")]),
    .plain(
      Mixup.self, .stage, "Blends samples and their labels", primary: "alpha", [alpha(0.2), probability()]),
    .plain(
      CutMix.self, .stage, "Pastes rectangles of other samples; labels mix by area", primary: "alpha",
      [alpha(1), probability()]),
    .plain(
      Scale.self, .stage, "Turns bytes into floats in a range", primary: "to",
      [Field("to", .numberRange(-1e6...1e6, symmetric: false), [-1, 1], "where 0 and 255 go")]),
    .plain(
      Normalize.self, .stage, "Subtracts a mean and divides by a deviation; fitted in one pass if not given",
      [
        Field("mean", .numbers(-1e6...1e6, count: 1...4), .null, "for all channels or each; bytes count as 0 to 1"),
        Field("std", .numbers(1e-9...1e6, count: 1...4), .null, "standard deviation, likewise"),
      ]),
  ]
}
