import Mirage

/// An autoencoder of 28 × 28 gray images with a code of 32 numbers.
final class Autoencoder: Module {
  let encoder, decoder: Sequential

  init(using random: inout Random) {
    encoder = Sequential([
      Conv2D(1, 16, kernel: [4], stride: [2], padding: [1], using: &random), Activation.leakyReLU(0.2),
      Flatten(), Linear(16 * 14 * 14, 32, using: &random),
    ])
    decoder = Sequential([
      Linear(32, 16 * 14 * 14, using: &random), Activation.leakyReLU(0.2), Unflatten(channels: 16, sizes: [14, 14]),
      ConvTranspose2D(16, 1, kernel: [4], stride: [2], padding: [1], using: &random), Activation.tanh,
    ])
  }

  /// Reconstructions of N × 28 × 28 × 1 images from -1 to 1.
  func callAsFunction(_ images: Tensor, _ mode: Mode) -> Tensor {
    decoder(encoder(images, mode.entering("encoder")), mode.entering("decoder"))
  }

  func visit(_ visitor: inout some StateVisitor) {
    visitor.visit(encoder, "encoder")
    visitor.visit(decoder, "decoder")
  }
}

/// The images of samples as a tensor, N × 28 × 28 × 1.
func images(of samples: [Sample]) -> Tensor {
  let coding = ImageCoding(height: 28, width: 28, channels: 1)
  var rows: [Float] = []
  for sample in samples { coding.append(sample, to: &rows) }
  return Tensor(rows, shape: [samples.count] + coding.shape)
}

/// Trains an autoencoder and returns its last loss, the mean squared error of a batch.
@TensorActor
func train(_ flow: Flow<Sample>, epochs: Int, checkpoint path: String) async throws -> Float {
  let random = Random(key: Random.Key(seed: 7, path: "autoencoder"), sample: 0)
  var initial = random
  let network = Autoencoder(using: &initial)
  var adam = Adam(learningRate: 1e-3)
  var (loss, step): (Float, UInt64) = (0, 0)
  for epoch in 0..<epochs {
    // Another epoch draws different augmentations and shuffles differently.
    for try await samples in flow.running(Run(seed: 7, epoch: epoch)).batched(of: 64) {
      let images = images(of: samples)
      // The random numbers of a step follow from its number alone.
      let mode = Mode.training(Random(key: random.key, sample: step, epoch: 1))
      let error = Losses.meanSquaredError(network(images, mode), images)
      loss = error.scalar
      adam.step(network.parameters, network.gradients(of: error))
      step += 1
    }
  }
  var checkpoint = Checkpoint()
  checkpoint.store(network)
  checkpoint.store(optimizer: adam, as: "adam")
  checkpoint.store(step: Int(step))
  try checkpoint.write(to: path)
  return loss
}

/// Reconstructions of images, as images of bytes.
@TensorActor
func reconstructions(of images: Tensor, checkpoint path: String) throws -> [Image] {
  var random = Random(key: Random.Key(seed: 0, path: "unused"), sample: 0)
  let network = Autoencoder(using: &random)
  try Checkpoint(reading: path).restore(network)
  return ImageCoding(height: 28, width: 28, channels: 1).images(network(images, .inference))
}
