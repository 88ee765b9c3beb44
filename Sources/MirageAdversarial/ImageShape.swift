import MirageSupport

/// Shape of samples that are images. Valid after `checkImages()`.
extension GANConfiguration {
  /// Height of an image in pixels.
  package var height: Int { shape[0] }
  /// Width of an image in pixels.
  package var width: Int { shape[1] }
  /// Number of channels of an image, 1 or 3.
  package var channels: Int { shape[2] }

  /// Number of values in an image.
  var pixelCount: Int { height * width * channels }

  /// Checks that the samples are gray or RGB images.
  func checkImages() throws {
    guard shape.count == 3 else {
      let sizes = shape.map(String.init).joined(separator: " x ")
      throw refusal(
        "\(model.network) makes images of height x width x channels, and the samples are \(sizes)", "model.network",
        "Use it on images, or use a network for such samples.")
    }
    guard channels == 1 || channels == 3 else {
      throw refusal("images of \(channels) channels", nil, "Make them gray or RGB with the source's channels.")
    }
  }

  /// Checks that the samples are images whose size results from doublings.
  func checkPyramid() throws {
    try checkImages()
    guard Pyramid(height: height, width: width) != nil else {
      throw refusal(
        "\(model.network) cannot make images of \(height) x \(width)", "model.network",
        "Bring them to 28, 32, 64 or 128 a side, with resize or a crop.")
    }
  }

  /// Size of the images as doublings of a smallest one.
  /// - Precondition: the configuration was checked by `checkPyramid()`.
  var pyramid: Pyramid {
    guard let pyramid = Pyramid(height: height, width: width) else {
      preconditionFailure("GAN: \(model.network) for images of \(height) x \(width)")
    }
    return pyramid
  }
}

/// Range of the height and width of images, in pixels. Sizes from a file may be arbitrary.
let imageSides = 1...1024

/// Size of an image as doublings of a smallest one: 28 = 7 · 2², 32 = 4 · 2³, 128 = 4 · 2⁵.
struct Pyramid {
  /// Number of doublings, 2 to 6.
  let doublings: Int
  /// Height and width before the doublings; the shorter one is 4 to 7.
  let base: [Int]

  init?(height: Int, width: Int) {
    guard imageSides.contains(height), imageSides.contains(width) else { return nil }
    var (low, doublings) = (min(height, width), 0)
    while low > 7 { (low, doublings) = (low / 2, doublings + 1) }
    let factor = 1 << doublings
    guard (2...6).contains(doublings), low >= 4, height % factor == 0, width % factor == 0 else { return nil }
    (self.doublings, base) = (doublings, [height / factor, width / factor])
  }
}
