extension Registry {
  private static let size = Field("size", .size, "the size of the result")

  static let geometry: [Entry] = [
    .plain(
      Rotate.self, .augmentation, "Rotates about the center, counter-clockwise", primary: "degrees",
      [
        Field("degrees", .numberRange(-360...360, symmetric: true), "the angle"), interpolation(), fill, border(),
        Field("expand", .boolean, false, "grow the image to hold all of the rotated one"), probability(),
      ]),
    .plain(
      Affine.self, .augmentation, "Rotates (clockwise), translates, scales and shears about the center",
      [
        Field("degrees", .numberRange(-360...360, symmetric: true), [0, 0], "the angle"),
        Field("translate", .numbers(0...1, count: 2...2), [0, 0], "the largest shift, as parts of width and height"),
        Field("scale", .numberRange(0.01...100, symmetric: false), [1, 1], "the factor"),
        Field("shear", .numberRange(-89...89, symmetric: true), [0, 0], "along x, in degrees"),
        Field("shear-y", .numberRange(-89...89, symmetric: true), [0, 0], "along y, in degrees"), interpolation(), fill,
        border(), probability(),
      ]),
    .plain(
      Perspective.self, .augmentation, "Looks at the image from another angle", primary: "distortion",
      [
        Field("distortion", .number(0...1), 0.5, "how far corners move; 1 is to the center"), interpolation(), fill,
        border(), probability(),
      ]),
    .plain(
      Elastic.self, .augmentation, "Moves pixels by a smooth random field",
      [
        Field("alpha", .numberRange(0...10_000, symmetric: false), [25, 25], "the field's strength in pixels"),
        Field("sigma", .number(0.1...100), 5, "how smooth the field is, in pixels"), interpolation(), fill, border(),
        probability(),
      ]),
    .plain(
      RandomCrop.self, .augmentation, "Cuts a window at a random place, after padding", primary: "size",
      [
        size, Field("padding", .padding, [0, 0, 0, 0], "added before"), border("mode"), fill, probability(),
      ]),
    .plain(
      CenterCrop.self, .augmentation, "Cuts the window in the middle", primary: "size", [size, fill, probability()]),
    .plain(
      RandomResizedCrop.self, .augmentation, "Cuts a window of random area and aspect and resizes it", primary: "size",
      [
        size, Field("scale", .numberRange(0.0001...1, symmetric: false), [0.08, 1], "the window's part of the area"),
        Field("ratio", .numberRange(0.01...100, symmetric: false), [0.75, .number(4 / 3)], "width over height"),
        interpolation("bilinear", Interpolation.allCases.map(\.rawValue)), antialias, probability(),
      ]),
    .plain(
      Resize.self, .augmentation, "Brings images to a size", primary: "size",
      [
        size,
        Field(
          "side", .choice(Resize.Side.allCases.map(\.rawValue)), "both",
          "what has the size: the image, or its shorter or longer side with the aspect kept"),
        interpolation("bilinear", Interpolation.allCases.map(\.rawValue)), antialias, probability(),
      ]),
    .plain(
      Pad.self, .augmentation, "Adds a border at the four sides", primary: "padding",
      [Field("padding", .padding, "how much"), border("mode"), fill, probability()]),
    .plain(
      HorizontalFlip.self, .augmentation, "Mirrors left and right", primary: "probability", [probability(0.5)]),
    .plain(VerticalFlip.self, .augmentation, "Mirrors top and bottom", primary: "probability", [probability(0.5)]),
    .plain(Transpose.self, .augmentation, "Turns rows into columns", primary: "probability", [probability(0.5)]),
  ]

  private static let factor = Field(
    "factor", .numberRange(0...100, symmetric: false), "1 leaves the image as it is, 0 takes all away")

  static let colors: [Entry] = [
    .plain(
      Brightness.self, .augmentation, "Blends toward or away from black", primary: "factor", [factor, probability()]),
    .plain(
      Contrast.self, .augmentation, "Blends toward or away from the mean gray", primary: "factor",
      [factor, probability()]),
    .plain(
      Saturation.self, .augmentation, "Blends toward or away from gray", primary: "factor", [factor, probability()]),
    .plain(
      Sharpness.self, .augmentation, "Blends toward or away from a smoothed image", primary: "factor",
      [factor, probability()]),
    .plain(
      Hue.self, .augmentation, "Turns hues", primary: "shift",
      [
        Field("shift", .numberRange(-0.5...0.5, symmetric: true), "in turns of the color circle"), probability(),
      ]),
    .plain(
      Gamma.self, .augmentation, "Darkens (above 1) or lightens by a power", primary: "gamma",
      [Field("gamma", .numberRange(0.01...100, symmetric: false), "the exponent"), probability()]),
    .plain(
      Posterize.self, .augmentation, "Keeps the highest bits", primary: "bits",
      [Field("bits", .integerRange(0...8), "how many"), probability()]),
    .plain(
      Solarize.self, .augmentation, "Inverts bytes at and above a threshold", primary: "threshold",
      [Field("threshold", .integerRange(0...256), "0 inverts all, 256 none"), probability()]),
    .plain(Invert.self, .augmentation, "Turns light to dark", primary: "probability", [probability()]),
    .plain(Equalize.self, .augmentation, "Flattens the histogram", primary: "probability", [probability()]),
    .plain(
      Autocontrast.self, .augmentation, "Spreads the channels over all bytes", primary: "probability", [probability()]),
    .plain(
      Grayscale.self, .augmentation, "Turns colors to gray", primary: "channels",
      [Field("channels", .integers([1, 3]), 1, "1, or 3 equal ones"), probability()]),
    .plain(
      GaussianBlur.self, .augmentation, "Blurs", primary: "sigma",
      [
        Field("sigma", .numberRange(0.01...100, symmetric: false), [0.1, 2], "standard deviation in pixels"),
        Field(
          "kernel", .integer(0...999), 0,
          "its side, odd (an even one counts as the next); 0 for 3 deviations on each side"), probability(),
      ]),
    .plain(
      MotionBlur.self, .augmentation, "Blurs along a line", primary: "length",
      [
        Field("length", .integerRange(1...999), [3, 7], "in pixels"),
        Field("degrees", .numberRange(-360...360, symmetric: true), [0, 180], "the line's direction"), probability(),
      ]),
    .plain(
      GaussianNoise.self, .augmentation, "Adds normal noise", primary: "sigma",
      [
        Field("sigma", .numberRange(0...255, symmetric: false), [5, 15], "standard deviation in byte levels"),
        probability(),
      ]),
    .plain(
      SaltAndPepper.self, .augmentation, "Turns pixels black or white", primary: "amount",
      [Field("amount", .numberRange(0...1, symmetric: false), [0.01, 0.05], "the part of the pixels"), probability()]),
    .plain(
      JPEGCompression.self, .augmentation, "Compresses to JPEG and back", primary: "quality",
      [Field("quality", .integerRange(1...100), [30, 90], "of JPEG"), probability()]),
  ]

  static let occlusions: [Entry] = [
    .plain(
      Erase.self, .augmentation, "Fills random rectangles (random erasing, cutout)",
      [
        Field("count", .integerRange(1...1000), [1, 1], "how many"),
        Field("scale", .numberRange(0.0001...1, symmetric: false), [0.02, 0.33], "a rectangle's part of the area"),
        Field("ratio", .numberRange(0.01...100, symmetric: false), [0.3, 3.3], "width over height"), fill,
        probability(0.5),
      ]),
    .plain(
      GridDropout.self, .augmentation, "Fills a square in each cell of a grid",
      [
        Field("ratio", .number(0...1), 0.5, "the square's side as a part of the cell's"),
        Field("unit", .integerRange(2...10_000), [8, 16], "the cell's side in pixels"), fill, probability(0.5),
      ]),
    .plain(
      RandAugment.self, .augmentation, "Some of fourteen operations, all of one strength",
      [
        Field("operations", .integer(1...14), 2, "how many, one after the other"),
        Field("magnitude", .integer(0...30), 9, "the strength"), interpolation("nearest"), fill, probability(),
      ]),
    .plain(
      TrivialAugmentWide.self, .augmentation, "One of fourteen operations, of random strength",
      [interpolation("nearest"), fill, probability()]),
  ]
}
