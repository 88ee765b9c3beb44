import MirageSupport
import MirageTensors

/// What a training run needs to go on, or a model to be used: weights, the state of optimizers, averages and random
/// generators, and text about them; in memory a snapshot that later training does not change, on disk one `.safetensors`
/// file.
///
/// Weights stand in it under PyTorch's names and in PyTorch's layouts, so that its `load_state_dict` takes them: those of a
/// single model plainly (`0.weight`), those of several with the model's name before theirs (`generator.0.weight`). What is
/// not a model's begins with two underscores, and whoever wants the weights alone leaves it out:
///
///     __optimizer.NAME.first_moment.3      tensors of an optimizer, one for each parameter
///     __ema.NAME.0.weight                  tensors of a moving average
///     __optimizer.NAME, __ema.NAME, __random.NAME     text: the kind of optimizer, the average's updates, a generator
///
/// All other text is free. Customary are `architecture`, `configuration` (JSON), `classes` (a JSON list), `step`,
/// `pipeline-digest` and `metrics` (JSON).
///
/// All tensors are Float32. Whole numbers among them, such as batch normalization's `num_batches_tracked`, are exact only
/// below 2^24 and stay there when more is counted; nothing computes with that one. Counts that matter are text. PyTorch's
/// `load_state_dict` turns `num_batches_tracked` back into an integer (unless called with `assign`).
///
///     var checkpoint = Checkpoint()
///     checkpoint.store(generator, as: "generator")
///     checkpoint.store(optimizer: optimizer, as: "generator")
///     checkpoint.store(step: step)
///     try checkpoint.write(to: "gan.safetensors")
///
///     let saved = try Checkpoint(reading: "gan.safetensors")
///     try saved.restore(generator, from: "generator")
///     try saved.restore(optimizer: &optimizer, for: generator.parameters, from: "generator")
///     step = try saved.step()
///
/// Restoring one thing changes it wholly or, where that fails, not at all; what was restored before stays restored. Errors
/// name the file, where there is one, and the entry that is missing or does not fit.
public struct Checkpoint: Sendable {
  /// All tensors by their full names.
  public var tensors: [String: Tensor] = [:]
  /// All text by field.
  public var metadata: [String: String] = [:]
  /// The file it was read from.
  public private(set) var path: String?

  /// One that holds nothing.
  public init() {}

  /// Reads a safetensors file, or a `.pth` file of PyTorch, which has no metadata; the content tells which it is.
  /// - Throws: as `readTensors` does.
  public init(reading path: String) throws {
    let (stored, metadata) = try readTensors(path)
    (tensors, self.metadata, self.path) = (stored.mapValues { Tensor($0) }, metadata, path)
  }

  /// Writes a safetensors file, in place of what is there. Until it is whole and on the disk, the old file stays.
  /// - Throws: as `SafeTensors.write` does.
  public func write(to path: String) throws {
    do {
      try SafeTensors(tensors: tensors.mapValues { StoredTensor($0) }, metadata: metadata).write(to: path)
    } catch var error as MirageError where error.kind == .ioError {
      // Not the temporary name, and not how an interrupted run is resumed.
      error.file = path
      error.remedy = "Make room or choose another place, and write it again."
      throw error
    }
  }

  // MARK: Models

  /// Puts a model's weights and buffers in, in place of earlier ones of that name.
  /// - Parameter name: what tells several models apart; empty for a single one, which replaces all others.
  public mutating func store(_ module: some Module, as name: String = "") {
    if !name.isEmpty { check(name) }
    replace(name.isEmpty ? "" : name + ".", with: module.state)
  }

  /// Gives a model the weights and buffers of that name, all or none.
  /// - Parameter name: as it was stored; of a file from elsewhere whatever stands before the names of the weights, such as
  ///   `module` or `model.generator`. Empty for a file of a single model.
  /// - Throws: bad data naming the first entry that is missing, has another shape, or belongs to nothing in the model.
  public func restore(_ module: some Module, from name: String = "") throws {
    try load(part(name.isEmpty ? "" : name + ".", "weights of \(name)"), into: module, place: name)
  }

  /// Gives a model the moving average of that name for its weights: what to sample with.
  /// - Throws: as `restore(_:from:)` does.
  public func restore(_ module: some Module, fromAverage name: String) throws {
    try load(part("__ema.\(name).", "moving average \(name)"), into: module, place: "__ema.\(name)")
  }

  private func load(_ state: [String: Tensor], into module: some Module, place: String) throws {
    try located(place) { try module.load(state) }
  }

  // MARK: What training needs besides

  /// Puts in what an optimizer's later steps depend on, besides its settings.
  public mutating func store(optimizer: some Optimizer, as name: String) {
    check(name)
    replace("__optimizer.\(name).", with: optimizer.state)
    metadata["__optimizer.\(name)"] = type(of: optimizer).kind
  }

  /// Lets an optimizer go on where the stored one was. Its settings, the learning rate among them, stay as they are.
  /// - Parameter parameters: those it steps, in the same order.
  /// - Throws: bad data where none of that name is there, or one of another kind, or one that does not fit the parameters.
  public func restore(
    optimizer: inout some Optimizer, for parameters: [Parameter], from name: String
  ) throws {
    let (field, wanted) = ("__optimizer.\(name)", type(of: optimizer).kind)
    let kind = try text(field, "state of an optimizer for \(name)")
    guard kind == wanted else {
      throw error("the state is that of the optimizer \(shortened(kind)), not of \(wanted)", at: field)
    }
    let state = tensors(after: field + ".")
    var restored = optimizer
    try located(field) {
      try restored.load(state, for: parameters)
      if let extra = Set(state.keys).subtracting(restored.state.keys).min() {
        throw error("the optimizer has no place for \(shortened(extra))", at: field)
      }
    }
    optimizer = restored
  }

  /// Puts a moving average in, with its number of updates.
  public mutating func store(average: MovingAverage, as name: String) {
    check(name)
    replace("__ema.\(name).", with: average.state)
    metadata["__ema.\(name)"] = String(average.updates)
  }

  /// Lets a moving average go on where the stored one was. Its settings stay as they are.
  /// - Throws: bad data where none of that name is there, or one of another model.
  public func restore(average: inout MovingAverage, from name: String) throws {
    let field = "__ema.\(name)"
    let updates = try count(field, "moving average \(name)")
    let state = tensors(after: field + ".")
    for entry in Set(state.keys).union(average.state.keys).sorted()
    where state[entry]?.shape != average.state[entry]?.shape {
      func shape(_ tensor: Tensor?) -> String { tensor.map { "has shape \($0.shape)" } ?? "is missing" }
      throw error(
        "\(shortened(entry)) \(shape(state[entry])), and \(shape(average.state[entry])) in the model", at: field)
    }
    average.load(state, updates: updates)
  }

  /// Puts in a random generator's exact state.
  public mutating func store(random: Random, as name: String) {
    check(name)
    metadata["__random.\(name)"] = random.description
  }

  /// The random generator stored under a name; it draws the numbers that the stored one would have drawn next.
  /// - Throws: bad data where none of that name is there, or its text is damaged.
  public func random(from name: String) throws -> Random {
    let field = "__random.\(name)"
    let text = try text(field, "random generator \(name)")
    guard let random = Random(text) else {
      throw error("\(shortened(text)) is no state of a random generator", at: field)
    }
    return random
  }

  /// Puts in the number of training steps done, from which schedules follow, as the field `step`.
  public mutating func store(step: Int) { metadata["step"] = String(step) }

  /// The number of training steps done.
  /// - Throws: bad data where the field `step` is missing or no such number.
  public func step() throws -> Int { try count("step", "number of steps") }

  // MARK: Is it the right one?

  /// Makes sure that fields have the given values, before anything is restored. Where both are JSON objects, they are
  /// compared field by field, whatever their order and spacing.
  /// - Throws: bad data naming the first field that differs, such as `configuration.latent`, with both values.
  public func expect(_ fields: [String: String]) throws {
    for (name, wanted) in fields.sorted(by: { $0.key < $1.key }) {
      guard let found = metadata[name] else {
        throw error(
          "the checkpoint does not say its \(name), which should be \(shortened(wanted))", at: name,
          remedy: "It was not written for this. Use another checkpoint, or train anew.")
      }
      if found == wanted { continue }
      guard let difference = Fingerprint.Difference(document(found), document(wanted), at: name) else { continue }
      throw error(
        "\(shortened(difference.path)) is \(shortened(difference.before)) in the checkpoint and \(shortened(difference.now)) here",
        at: name,
        remedy: "Use the settings the checkpoint was trained with, or train anew.")
    }
  }

  /// A field's text as JSON, if it is an object, else as a string.
  private func document(_ text: String) -> JSONValue {
    if text.hasPrefix("{"), let value = try? JSONValue(parsing: text.utf8) { return value }
    return .string(text)
  }

  // MARK: Names

  private static let reserved = "__"

  /// Names become parts of the tensors' names.
  private func check(_ name: String) {
    require(
      !name.isEmpty && !name.contains(".") && !name.hasPrefix(Checkpoint.reserved),
      "\"\(name)\" as a name in a checkpoint: it may not be empty, have dots or begin with two underscores")
  }

  /// The tensors whose names begin with the prefix, under what follows it; without a prefix, all that are not reserved.
  private func tensors(after prefix: String) -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    for (name, tensor) in tensors {
      guard prefix.isEmpty ? !name.hasPrefix(Checkpoint.reserved) : name.hasPrefix(prefix) else { continue }
      found[String(name.dropFirst(prefix.count))] = tensor
    }
    return found
  }

  private mutating func replace(_ prefix: String, with state: [String: Tensor]) {
    for name in tensors(after: prefix).keys { tensors[prefix + name] = nil }
    for (name, tensor) in state { tensors[prefix + name] = tensor }
  }

  private func part(_ prefix: String, _ what: String) throws -> [String: Tensor] {
    let found = tensors(after: prefix)
    guard prefix.isEmpty || !found.isEmpty else { throw missing(what, prefix) }
    return found
  }

  private func text(_ field: String, _ what: String) throws -> String {
    guard let text = metadata[field] else { throw missing(what, field) }
    return text
  }

  private func count(_ field: String, _ what: String) throws -> Int {
    let text = try text(field, what)
    guard let count = Int(text), count >= 0 else {
      throw error("\(shortened(text)) where the \(what) is needed", at: field)
    }
    return count
  }

  // MARK: Errors

  private func missing(_ what: String, _ entry: String) -> MirageError {
    let parts = Set(
      tensors.keys.map { name in
        let end = name.hasPrefix(Checkpoint.reserved) ? 2 : 1
        return name.split(separator: ".").prefix(end).joined(separator: ".")
      })
    let shown = parts.sorted().prefix(8).map(shortened).joined(separator: ", ")
    return error(
      "the checkpoint holds no \(what)", at: entry,
      remedy: parts.isEmpty
        ? "It holds no tensors at all." : "It holds \(shown)\(parts.count > 8 ? " and more" : "").")
  }

  private func error(_ message: String, at place: String, remedy: String? = nil) -> MirageError {
    .badData(
      message, file: path, place: "entry \(shortened(place))",
      remedy: remedy ?? "The checkpoint belongs to another model, or is damaged: use another, or train anew.")
  }

  /// Names the file and the place in the errors of what `body` does.
  private func located(_ place: String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch var error as MirageError {
      error.file = error.file ?? path
      if !place.isEmpty { error.place = error.place ?? "entry \(shortened(place))" }
      throw error
    }
  }
}

/// What a message may hold of a text that can be megabytes.
private func shortened(_ text: some StringProtocol) -> String {
  text.count <= 100 ? String(text) : text.prefix(100) + "…"
}

extension Tensor {
  /// A tensor of a checkpoint file.
  public init(_ stored: StoredTensor) { self.init(stored.values, shape: stored.shape) }
}

extension StoredTensor {
  /// A tensor for a checkpoint file, without its history.
  public init(_ tensor: Tensor) { self.init(shape: tensor.shape, values: tensor.values) }
}
