import MirageSupport
import MirageTensors

/// Snapshot of a training: weights, the state of optimizers, moving averages and random generators, and metadata as text.
/// In memory it is independent of later training; on disk it is a `.safetensors` file.
///
/// Weights have PyTorch's names and layouts, so that `load_state_dict` accepts them: those of a single model as they are
/// (`0.weight`), those of several models after the name of the model (`generator.0.weight`). Names of everything else begin
/// with two underscores, so that weights can be selected:
///
///     __optimizer.NAME.first_moment.3      tensors of an optimizer, one per parameter
///     __ema.NAME.0.weight                  tensors of a moving average
///     __optimizer.NAME                     metadata: kind of optimizer
///     __ema.NAME                           metadata: number of updates of the average
///     __random.NAME                        metadata: state of a random generator
///
/// Other metadata is free. Customary fields are `architecture`, `configuration` (JSON), `classes` (a JSON list), `step`,
/// `pipeline-digest` and `metrics` (JSON).
///
/// All tensors are Float32. Integers among them, such as `num_batches_tracked` of batch normalization, are exact up to 2^24
/// and then stop counting; nothing computes with that one. Counts that matter are metadata. PyTorch's `load_state_dict`
/// converts `num_batches_tracked` back to an integer (unless called with `assign`).
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
/// A restore changes its target completely or, if it fails, not at all; earlier restores are not undone. Errors name the
/// file, if there is one, and the entry that is missing or does not fit.
public struct Checkpoint: Sendable {
  /// Tensors by full name.
  public var tensors: [String: Tensor] = [:]
  /// Metadata by field.
  public var metadata: [String: String] = [:]
  /// Path of the file that the checkpoint was read from; `nil` if it was not read.
  public private(set) var path: String?

  /// Creates an empty checkpoint.
  public init() {}

  /// Reads a safetensors file, or a `.pth` file of PyTorch, which has no metadata. The format is found by content.
  ///
  /// - Throws: `MirageError` if the file cannot be read or is damaged.
  public init(reading path: String) throws {
    let (stored, metadata) = try readTensors(path)
    (tensors, self.metadata, self.path) = (stored.mapValues { Tensor($0) }, metadata, path)
  }

  /// Writes a safetensors file. It replaces an existing file atomically, after it is complete and on the disk.
  ///
  /// - Throws: `MirageError` of kind `ioError` if the file cannot be written.
  public func write(to path: String) throws {
    do {
      try SafeTensors(tensors: tensors.mapValues { StoredTensor($0) }, metadata: metadata).write(to: path)
    } catch var error as MirageError where error.kind == .ioError {
      // The file's own name instead of the temporary one, and a remedy for checkpoints instead of one for pipeline runs.
      error.file = path
      error.remedy = "Free disk space or choose another directory, and write it again."
      throw error
    }
  }

  // MARK: Models

  /// Stores the weights and buffers of a model, in place of those stored before under its name.
  ///
  /// - Parameters:
  ///   - module: Model to store.
  ///   - name: Name of the model, without dots. Defaults to none, for a single model, which replaces all others.
  public mutating func store(_ module: some Module, as name: String = "") {
    if !name.isEmpty { check(name) }
    replace(name.isEmpty ? "" : name + ".", with: module.state)
  }

  /// Restores the weights and buffers of a model, all or none.
  ///
  /// - Parameters:
  ///   - module: Model to change.
  ///   - name: Name that the model was stored under, or in a file of another program the prefix of the weights, such as
  ///     `module` or `model.generator`. Defaults to none, for a single model.
  /// - Throws: `MirageError` of kind `badData`, which names the first entry that is missing, unknown or of another shape.
  public func restore(_ module: some Module, from name: String = "") throws {
    try load(part(name.isEmpty ? "" : name + ".", "weights of \(name)"), into: module, place: name)
  }

  /// Restores the weights of a model from the moving average stored under a name, which is what to generate samples with.
  ///
  /// - Throws: As `restore(_:from:)`.
  public func restore(_ module: some Module, fromAverage name: String) throws {
    try load(part("__ema.\(name).", "moving average \(name)"), into: module, place: "__ema.\(name)")
  }

  private func load(_ state: [String: Tensor], into module: some Module, place: String) throws {
    try located(place) { try module.load(state) }
  }

  // MARK: State of training

  /// Stores the state of an optimizer, without its settings, under a name without dots.
  public mutating func store(optimizer: some Optimizer, as name: String) {
    check(name)
    replace("__optimizer.\(name).", with: optimizer.state)
    metadata["__optimizer.\(name)"] = type(of: optimizer).kind
  }

  /// Restores the state of an optimizer. Its settings, including the learning rate, are not changed.
  ///
  /// - Parameters:
  ///   - optimizer: Optimizer to change.
  ///   - parameters: Parameters that it steps, in the same order as before.
  ///   - name: Name that the optimizer was stored under.
  /// - Throws: `MirageError` of kind `badData` if there is no state of that name, or it is that of another kind of optimizer
  ///   or does not fit the parameters.
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

  /// Stores a moving average and its number of updates, under a name without dots.
  public mutating func store(average: MovingAverage, as name: String) {
    check(name)
    replace("__ema.\(name).", with: average.state)
    metadata["__ema.\(name)"] = String(average.updates)
  }

  /// Restores a moving average and its number of updates. Its settings are not changed.
  ///
  /// - Throws: `MirageError` of kind `badData` if there is no average of that name, or it is that of another model.
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

  /// Stores the exact state of a random generator, under a name without dots.
  public mutating func store(random: Random, as name: String) {
    check(name)
    metadata["__random.\(name)"] = random.description
  }

  /// Returns the random generator stored under a name, which continues the sequence of the stored one.
  ///
  /// - Throws: `MirageError` of kind `badData` if there is no generator of that name, or its state is damaged.
  public func random(from name: String) throws -> Random {
    let field = "__random.\(name)"
    let text = try text(field, "random generator \(name)")
    guard let random = Random(text) else {
      throw error("\(shortened(text)) is not the state of a random generator", at: field)
    }
    return random
  }

  /// Stores the number of training steps taken, which determines schedules, as the field `step`.
  public mutating func store(step: Int) { metadata["step"] = String(step) }

  /// Returns the number of training steps taken.
  ///
  /// - Throws: `MirageError` of kind `badData` if the field `step` is missing or not a number.
  public func step() throws -> Int { try count("step", "number of steps") }

  // MARK: Identity

  /// Checks metadata before a restore. Values that are JSON objects are compared field by field, regardless of order and
  /// spacing.
  ///
  /// - Throws: `MirageError` of kind `badData`, which names the first field that is missing or differs, such as
  ///   `configuration.latent`, with both values.
  package func expect(_ fields: [String: String]) throws {
    for (name, wanted) in fields.sorted(by: { $0.key < $1.key }) {
      guard let found = metadata[name] else {
        throw error(
          "the checkpoint has no \(name), which should be \(shortened(wanted))", at: name,
          remedy: "Use another checkpoint, or train again.")
      }
      if found == wanted { continue }
      guard let difference = Fingerprint.Difference(document(found), document(wanted), at: name) else { continue }
      throw error(
        "\(shortened(difference.path)) is \(shortened(difference.before)) in the checkpoint and \(shortened(difference.now)) here",
        at: name,
        remedy: "Use the settings the checkpoint was trained with, or train again.")
    }
  }

  /// Returns the text of a field as JSON if it is an object, and as a string if not.
  private func document(_ text: String) -> JSONValue {
    if text.hasPrefix("{"), let value = try? JSONValue(parsing: text.utf8) { return value }
    return .string(text)
  }

  // MARK: Names

  private static let reserved = "__"

  /// Checks a name that becomes part of the names of tensors.
  private func check(_ name: String) {
    require(
      !name.isEmpty && !name.contains(".") && !name.hasPrefix(Checkpoint.reserved),
      "\"\(name)\" as a name in a checkpoint: it may not be empty, have dots or begin with two underscores")
  }

  /// Returns the tensors whose names begin with a prefix, by the rest of the name; all that are not reserved if the prefix is
  /// empty.
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
      throw error("\(shortened(text)) is not a whole number of at least 0", at: field)
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
      remedy: remedy ?? "The checkpoint belongs to another model, or is damaged: use another, or train again.")
  }

  /// Adds the file and the entry to the errors that `body` throws.
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

/// Returns up to 100 characters of a text for a message.
private func shortened(_ text: some StringProtocol) -> String {
  text.count <= 100 ? String(text) : text.prefix(100) + "…"
}

extension Tensor {
  /// Creates a tensor from one of a file.
  package init(_ stored: StoredTensor) { self.init(stored.values, shape: stored.shape) }
}

extension StoredTensor {
  /// Creates a tensor for a file, without history.
  package init(_ tensor: Tensor) { self.init(shape: tensor.shape, values: tensor.values) }
}
