import MirageTensors

/// An exponential moving average of a module's parameters: what generators are sampled with.
public struct MovingAverage {
  /// The averages under the module's names.
  public private(set) var state: [String: Tensor]
  /// How often it was brought up to date.
  public private(set) var updates = 0
  private let decay, rampUp: Float
  private let averagesBuffers: Bool

  /// - Parameters:
  ///   - decay: the part of the old average that stays, each update.
  ///   - rampUp: early on the decay is at most (1 + n) / (rampUp + n) after n updates, so that the average does not lag
  ///     behind a young network; 0 for none.
  ///   - averagesBuffers: whether running statistics are averaged as well, so that they fit averaged weights; else they are
  ///     those of the module.
  public init(of module: some Module, decay: Float = 0.999, rampUp: Float = 10, averagesBuffers: Bool = false) {
    state = module.state
    (self.decay, self.rampUp, self.averagesBuffers) = (decay, rampUp, averagesBuffers)
  }

  /// Brings the average up to date with the module it was made of, after a training step.
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

  /// Takes over a saved average.
  public mutating func load(_ state: [String: Tensor], updates: Int) {
    (self.state, self.updates) = (state, updates)
  }
}
