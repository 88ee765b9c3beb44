import MirageAdversarial
import MirageEvaluation
import MirageLearning
import MirageMedia
import MirageNetworks
import MirageStreams
import MirageSupport
import MirageSynthesis
import MirageTensors

/// A GAN that paints its label: an image of class k is of one color, which says k. And a classifier that reads it back.
///
/// Both are the real networks with weights made by hand, written to files as a training writes them.
enum PaintedModel {
  static let classes = ["ant", "bee", "cat"]
  static let side = 8
  /// What class k is painted in, in -1 ... 1.
  static let colors: [Float] = [-0.8, 0, 0.8]

  /// Writes a GAN's checkpoint.
  ///
  /// - Parameters:
  ///   - spread: How far the latent moves the color, before the last hyperbolic tangent.
  ///   - shift: What is added to the class that the average of the weights paints; the weights themselves add one more.
  static func write(to path: String, spread: Float = 0, shift: Int = 0, step: Int = 1) throws {
    var model = GANModel()
    (model.network, model.conditioning, model.latent) = (.fullyConnected, .concatenated, 2)
    let configuration = try GANConfiguration(model, shape: [side, side, 1], classes: classes)
    var checkpoint = Checkpoint()
    checkpoint.store(try generator(configuration, spread: spread, shift: shift + 1), as: "generator")
    let average = MovingAverage(of: try generator(configuration, spread: spread, shift: shift))
    checkpoint.store(average: average, as: "generator")
    checkpoint.store(step: step)
    checkpoint.metadata["architecture"] = SavedModel.Kind.gan.architecture
    checkpoint.metadata["configuration"] = try JSONValue(encoding: configuration).text
    checkpoint.metadata["classes"] = JSONValue.array(classes.map { .string($0) }).text
    try checkpoint.write(to: path)
  }

  private static func generator(_ configuration: GANConfiguration, spread: Float, shift: Int) throws -> any Generator {
    var random = Random(key: Random.Key(seed: 1, path: "painted"), sample: 0)
    let generator = configuration.generator(using: &random)
    var state = generator.state
    for (name, tensor) in state where name.hasPrefix("layers.") { state[name] = .zeros(tensor.shape) }
    // Three numbers pass through the hidden layers: the color, and what the latent adds and takes away.
    var first = [Float](repeating: 0, count: 256 * 5)
    for label in 0..<3 { first[2 + label] = atanh(colors[(label + shift) % 3]) + 2 }
    (first[5], first[10]) = (spread, -spread)
    state["layers.0.weight"] = Tensor(first, shape: [256, 5])
    var second = [Float](repeating: 0, count: 512 * 256)
    for number in 0..<3 { second[number * 256 + number] = 1 }
    state["layers.1.weight"] = Tensor(second, shape: [512, 256])
    let row: [Float] = [1, 1, -1] + [Float](repeating: 0, count: 509)
    state["layers.2.weight"] = Tensor((0..<side * side).flatMap { _ in row }, shape: [side * side, 512])
    state["layers.2.bias"] = .full([side * side], -2)
    try generator.load(state)
    return generator
  }

  /// The class whose color is nearest to the image's.
  static func label(of image: Image) -> Int {
    let value = Self.value(of: image)
    return colors.indices.min { abs(colors[$0] - value) < abs(colors[$1] - value) }!
  }

  /// The image's color in -1 ... 1.
  static func value(of image: Image) -> Float { Float(image.pixels[0]) * (2 / 255) - 1 }

  /// Images of the classes' colors.
  static func image(_ label: Int) -> Image {
    Image(height: side, width: side, channels: 1, fill: [UInt8((colors[label] + 1) * 127.5 + 0.5)])
  }

  // MARK: The classifier

  /// How sure the classifier is: the larger, the surer.
  private static let sharpness: Float = 12

  /// Writes the weights of a classifier that reads the color; or one that says the same class of everything.
  static func writeClassifier(to path: String, always label: Int? = nil) throws {
    var random = Random(key: Random.Key(seed: 1, path: "reader"), sample: 0)
    let classifier = try ImageClassifier(
      .init(height: side, width: side, channels: 1, classes: classes), using: &random)
    var state = classifier.state
    for (name, tensor) in state { state[name] = .zeros(tensor.shape) }
    func put(_ value: Float, _ name: String, at place: Int) {
      var values = state[name]!.values
      values[place] = value
      state[name] = Tensor(values, shape: state[name]!.shape)
    }
    if let label {
      put(10, "6.bias", at: label)
    } else {
      // The first channel is the color, from 0 on; the first feature is its first pixel.
      put(1, "0.weight", at: 4)
      put(1, "0.bias", at: 0)
      put(1, "4.weight", at: 0)
      for (label, color) in colors.enumerated() {
        put(2 * sharpness * (color + 1), "6.weight", at: label * ImageClassifier.featureCount)
        put(-sharpness * (color + 1) * (color + 1), "6.bias", at: label)
      }
    }
    try classifier.load(state)
    var checkpoint = Checkpoint()
    checkpoint.store(classifier)
    try checkpoint.write(to: path)
  }

  /// The probability that the classifier gives to a class.
  static func probability(of label: Int, _ image: Image) -> Double {
    let value = Double(Self.value(of: image))
    let weights = colors.map { PortableMath.exp(-Double(sharpness) * (Double($0) - value) * (Double($0) - value)) }
    return weights[label] / weights.reduce(0, +)
  }

  private static func atanh(_ value: Float) -> Float {
    Float(PortableMath.log(Double((1 + value) / (1 - value))) / 2)
  }
}
