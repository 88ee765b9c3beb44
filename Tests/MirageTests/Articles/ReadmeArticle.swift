import Mirage

/// The code of README.md. It is only compiled: it reads all of Fashion-MNIST and writes to the current directory.
enum ReadmeArticle {
  static func pipelines() async throws {
    let pipeline = Pipeline(
      seed: 7,
      source: MNIST(directory: "/usr/share/datasets/fashion-mnist"),
      stages: [Copies(2), Rotate(degrees: -15...15), RandomCrop(size: 28, padding: 2), Scale(to: -1...1)],
      sink: WebDatasetSink(directory: "out/fashion"))

    // Samples in order, computed in parallel.
    for try await sample in try await pipeline.samples() { print(sample.id, sample.label as Any) }

    // The dataset, written to the sink; stages such as a GAN are trained first.
    let report = try await pipeline.run()
    print(report.counts.written)
  }

  static func ownAugmentation() async throws {
    let registry = Registry.standard.adding(Vignette.self)
    for path in CommandLine.arguments.dropFirst() {
      let report = try await PipelineFile.load(path, registry: registry).run()
      print("\(report.counts.written) samples in \(report.directory)")
    }
  }

  static func networks(_ images: Tensor) throws {
    var random = Random(key: Random.Key(seed: 7, path: "example"), sample: 0)
    let critic = Sequential([
      Conv2D(3, 64, kernel: [4], stride: [2], padding: [1], using: &random), Activation.leakyReLU(0.2),
      Flatten(), Linear(64 * 16 * 16, 1, using: &random),
    ])
    var adam = Adam(learningRate: 1e-4, betas: (0, 0.9))

    let x = images.tracked()  // N × 32 × 32 × 3: channels last
    let score = critic(x, .training(random))
    // The R1 penalty: gradients of gradients.
    let slope = score.sum().gradients(wrt: [x], differentiable: true)[0]
    let loss = Losses.hingeGenerator(fake: score) + slope.square().sum() * (5 / Float(x.shape[0]))
    adam.step(critic.parameters, critic.gradients(of: loss))

    var checkpoint = Checkpoint()
    checkpoint.store(critic)
    checkpoint.store(optimizer: adam, as: "adam")
    try checkpoint.write(to: "critic.safetensors")
  }
}

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
