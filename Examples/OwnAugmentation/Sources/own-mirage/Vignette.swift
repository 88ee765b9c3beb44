import Mirage

/// Darkens images toward their corners, as an old lens does.
struct Vignette: Augmentation {
  static let declaration = Declaration(
    "vignette", "Darkens images toward their corners", primary: "strength", of: Vignette(),
    Setting("strength", .numberRange(0...1), "Darkness of the corners: 1 is black"), .probability)

  var strength = 0.3...0.7
  var probability = 1.0

  struct Parameters: Codable { var strength: Double }

  func draw(for sample: borrowing Sample, using random: inout Random) -> Parameters {
    Parameters(strength: random.uniform(in: strength))
  }

  func apply(_ parameters: Parameters, to sample: inout Sample) throws {
    try sample.withImage { image in
      let (height, width, channels) = (image.height, image.width, image.channels)
      for y in 0..<height {
        for x in 0..<width {
          let dx = 2 * (Double(x) + 0.5) / Double(width) - 1
          let dy = 2 * (Double(y) + 0.5) / Double(height) - 1
          let light = 1 - parameters.strength * (dx * dx + dy * dy) / 2
          for index in (y * width + x) * channels..<(y * width + x) * channels + image.colorChannels {
            image.pixels[index] = UInt8((Double(image.pixels[index]) * light).rounded())
          }
        }
      }
    }
  }
}
