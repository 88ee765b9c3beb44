import MirageTensors

/// Exponential moving average of the parameters of a module. Generators usually give better samples with it than with their
/// current parameters.
public struct MovingAverage {
  /// Averages under the names of the module.
  package private(set) var state: [String: Tensor]
  /// Number of updates.
  package private(set) var updates = 0
  private let decay, rampUp: Float
  private let averagesBuffers: Bool

  /// Creates an average, which begins with the current state of a module.
  ///
  /// - Parameters:
  ///   - module: Module to average.
  ///   - decay: Weight of the old average in each update, 0 to 1. Defaults to 0.999.
  ///   - rampUp: Limit of the decay to (1 + n) / (rampUp + n) after n updates, so that the average follows the fast changes
  ///     at the beginning; 0 for no limit. Defaults to 10.
  ///   - averagesBuffers: Whether running statistics are averaged too, so that they fit the averaged parameters. Defaults
  ///     to `false`: they are those of the module.
  public init(of module: some Module, decay: Float = 0.999, rampUp: Float = 10, averagesBuffers: Bool = false) {
    state = module.state
    (self.decay, self.rampUp, self.averagesBuffers) = (decay, rampUp, averagesBuffers)
  }

  /// Updates the average with the current state of the module. Call it after each training step.
  public mutating func update(with module: some Module) {
    let limit = rampUp > 0 ? Float(1 + updates) / (rampUp + Float(updates)) : 1
    let kept = min(decay, limit)
    let walk = StateWalk(module)
    func follow(_ name: String, _ value: Tensor) {
      let old = state.removeValue(forKey: name) ?? value
      state[name] = old * kept + value * (1 - kept)
    }
    for (name, parameter) in walk.parameters { follow(name, parameter.value) }
    for (name, buffer) in walk.buffers {
      if averagesBuffers { follow(name, buffer.value) } else { state[name] = buffer.value }
    }
    updates += 1
  }

  /// Loads a saved average.
  package mutating func load(_ state: [String: Tensor], updates: Int) {
    (self.state, self.updates) = (state, updates)
  }
}
