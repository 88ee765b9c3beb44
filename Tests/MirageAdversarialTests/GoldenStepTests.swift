import MirageAdversarial
import MirageSupport
import MirageNetworks
import MirageTensors
import Testing

/// Whole training steps against PyTorch: every network, conditioning, loss, normalization, optimizer and augmentation is
/// in one of the cases. The numbers of make_adversarial.py are drawn here once more: weights, images and latents.
@Suite struct GoldenStepTests {
  @Test(arguments: GoldenRow.all("steps")) func stepsArePyTorchs(_ row: GoldenRow) throws {
    let name = row.testDescription
    let configuration = try GANConfiguration(
      row.decoded("model"), shape: [row.decoded("height"), row.decoded("width"), row.decoded("channels")],
      classes: row.decoded("classes"))
    let recipe: GANRecipe = row.decoded("recipe")
    let gan = try GAN(configuration, recipe, seed: 1)
    try begin(gan, row)

    let labels: [[[Int]]] = row.decoded("labels")
    for (step, (labels, expected)) in zip(labels, row.decoded("measures", as: [[String: [Double]]].self)).enumerated() {
      let batches = labels.enumerated().map { index, labels in
        var random = randomNumbers("\(name)/images/\(step)/\(index)")
        let images = Tensor.uniform([recipe.batch] + configuration.shape, in: -1...1, using: &random)
        return GAN.Real(images: images, labels: labels)
      }
      let found = gan.step(on: batches, measuresGradients: true).byName
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (measure, value) in expected {
        let error = abs(Double(found[measure] ?? .nan) - value[0])
        #expect(error <= value[1], "\(name): \(measure) of step \(step), \(value[0])")
      }
    }

    var state = try state(of: gan)
    var random = randomNumbers("\(name)/samples")
    let latents = Tensor.normal([recipe.batch, configuration.model.latent], using: &random)
    let generator = configuration.generator(using: &random)
    try generator.load(gan.average.state)
    state["samples"] = generator(latents, labels[0][0], .inference)

    let names: [String] = row.decoded("names")
    #expect(Set(state.keys) == Set(names + row.decoded("noise", as: [String].self)))
    try expectRows(
      state, row.tensor("rows"), names: names, tolerances: row.decoded("tolerances"), row.testDescription)
  }

  /// Gives networks and average the state that the row begins with.
  private func begin(_ gan: GAN, _ row: GoldenRow) throws {
    var checkpoint = Checkpoint()
    gan.store(in: &checkpoint)
    for (name, bounds) in row.decoded("initial", as: [String: [Float]].self) {
      var random = randomNumbers("\(row.testDescription)/\(name)")
      let old = try #require(checkpoint.tensors[name], "no \(name)")
      checkpoint.tensors[name] = .uniform(old.shape, in: bounds[0]...bounds[1], using: &random)
    }
    for (name, vector) in row.tensors("vectors") {
      #expect(checkpoint.tensors[name] != nil)
      checkpoint.tensors[name] = vector
    }
    for (name, tensor) in checkpoint.tensors where name.hasPrefix("generator.") {
      checkpoint.tensors["__ema." + name] = tensor
    }
    try gan.restore(from: checkpoint)
  }

  /// All state under the golden file's names; of an optimizer the first moments, or mean squares, under the parameters'.
  private func state(of gan: GAN) throws -> [String: Tensor] {
    var checkpoint = Checkpoint()
    gan.store(in: &checkpoint)
    var state: [String: Tensor] = [:]
    for (name, tensor) in checkpoint.tensors {
      if !name.hasPrefix("__") { state[name] = tensor }
      if name.hasPrefix("__ema.generator.") { state["average" + name.dropFirst("__ema.generator".count)] = tensor }
    }
    let slot = gan.recipe.optimization == .rmsprop ? "square" : "first_moment"
    for (network, module) in [("generator", gan.generator), ("discriminator", gan.discriminator)]
      as [(String, any Module)]
    {
      for (index, name) in ParameterNames(module).names.enumerated() {
        state["slot.\(network).\(name)"] = checkpoint.tensors["__optimizer.\(network).\(slot).\(index)"]
      }
    }
    return state
  }
}
