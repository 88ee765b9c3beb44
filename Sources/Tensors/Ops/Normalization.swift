import CKernels

/// Which elements share a mean and a deviation.
enum StatisticsScope: Sendable { case batch, sample }

extension Tensor {
  /// Batch normalisation (Ioffe and Szegedy 2015): each channel, the last axis, over all others.
  ///
  /// - Parameters:
  ///   - scale, offset: for each channel, or for each sample and channel (N × C: conditional); 1 and 0 where left out.
  ///   - slope: the slope below 0 of a leaky rectifier behind it, computed in the same pass; 1 for none.
  /// - Returns: the result, and the mean and (biased) variance of each channel, which are not recorded.
  public consuming func batchNormalized(
    scale: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-5, slope: Float = 1
  ) -> (output: Tensor, mean: Tensor, variance: Tensor) {
    require(rank >= 2 && count > 0, "batchNormalized: \(shape)")
    return normalized(.batch, scale: scale, offset: offset, epsilon: epsilon, slope: slope)
  }

  /// Instance normalisation (Ulyanov et al. 2016): each channel of each sample over the spatial axes. The parameters are
  /// those of `batchNormalized`.
  public consuming func instanceNormalized(
    scale: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-5, slope: Float = 1
  ) -> Tensor {
    require(rank >= 3 && count > 0, "instanceNormalized: \(shape)")
    return normalized(.sample, scale: scale, offset: offset, epsilon: epsilon, slope: slope).output
  }

  private consuming func normalized(
    _ scope: StatisticsScope, scale: Tensor?, offset: Tensor?, epsilon: Float, slope: Float
  ) -> (output: Tensor, mean: Tensor, variance: Tensor) {
    let channels = shape[rank - 1]
    for parameter in [scale, offset].compactMap({ $0 }) {
      require(
        parameter.shape == [channels] || parameter.shape == [shape[0], channels],
        "normalisation of \(shape) with a scale or offset of \(parameter.shape)")
    }
    let moments = Moments(of: copy self, scope, epsilon: epsilon)
    let maps = moments.maps(scale: scale, offset: offset)
    let isRecorded = isTracked || scale?.isTracked ?? false || offset?.isTracked ?? false
    let inputs = isRecorded ? [copy self, scale ?? .ones([channels]), offset ?? .zeros([channels])] : []
    let result = moments.applied(maps, to: self, slope: slope)
    let output = result.recorded("normalisation", inputs, saving: [0, 1, 2]) { gradient, record in
      if record.isDifferentiable {
        return gradientsThrough(gradient, record, inputs: 3) { inputs in
          inputs[0].composedNormalization(
            scope, scale: inputs[1], offset: inputs[2], epsilon: epsilon, slope: slope)
        }
      }
      return Profile.counted("normalisation, gradient") { moments.gradients(gradient, record, slope: slope) }
    }
    return (output, moments.mean, moments.variance)
  }

  /// The definition, in operations whose gradients are recorded.
  fileprivate func composedNormalization(
    _ scope: StatisticsScope, scale: Tensor, offset: Tensor, epsilon: Float, slope: Float
  ) -> Tensor {
    let axes = Array((scope == .batch ? 0 : 1)..<rank - 1)
    func spread(_ parameter: Tensor) -> Tensor {
      guard parameter.rank == 2 else { return parameter }
      return parameter.reshaped([shape[0]] + [Int](repeating: 1, count: rank - 2) + [shape[rank - 1]])
    }
    let centred = self - mean(axes: axes, keepingDimensions: true)
    let deviation = (centred.square().mean(axes: axes, keepingDimensions: true) + epsilon).sqrt()
    let result = centred / deviation * spread(scale) + spread(offset)
    return slope == 1 ? result : result.leakyReLU(slope)
  }

  /// Layer normalisation (Ba et al. 2016): over the last `axes` axes, for each index of the others.
  ///
  /// - Parameters:
  ///   - scale, offset: of the shape of those axes; both or neither.
  public func layerNormalized(
    axes: Int, scale: Tensor? = nil, offset: Tensor? = nil, epsilon: Float = 1e-5
  ) -> Tensor {
    require((1...rank).contains(axes) && count > 0, "layerNormalized: \(axes) axes of \(shape)")
    let inner = Array(shape.suffix(axes))
    require(
      (scale == nil) == (offset == nil) && (scale == nil || scale!.shape == inner && offset!.shape == inner),
      "layerNormalized: \(shape) with a scale of \(scale?.shape ?? []) and an offset of \(offset?.shape ?? [])")
    let (width, rows, shape) = (inner.product, count / inner.product, shape)
    let (mean, inverse) = (Storage(rows), Storage(rows))
    let result = Tensor(shape: shape) { out in
      inParallel(rows, grain: rowGrain(width)) { range in
        normalize_layer(
          out, mean.pointer, inverse.pointer, pointer, scale?.pointer, offset?.pointer, epsilon, width,
          range.lowerBound, range.count)
      }
      keepAlive(self, scale, offset)
    }
    let reduced = Array(0..<rank - axes)
    let inputs = [self] + [scale, offset].compactMap { $0 }
    return result.recorded("layer normalisation", inputs, saving: inputs.count == 3 ? [0, 1, 2] : [0]) {
      gradient, record in
      if record.isDifferentiable {
        return gradientsThrough(gradient, record, inputs: inputs.count) { inputs in
          let axes = Array(shape.count - axes..<shape.count)
          let centred = inputs[0] - inputs[0].mean(axes: axes, keepingDimensions: true)
          let deviation = (centred.square().mean(axes: axes, keepingDimensions: true) + epsilon).sqrt()
          return inputs.count == 3 ? centred / deviation * inputs[1] + inputs[2] : centred / deviation
        }
      }
      let x = record.input(0)
      let scale = inputs.count == 3 ? record.input(1) : nil
      var parts: [Tensor?] = [nil]
      if record.needs(0) {
        parts[0] = Tensor(shape: shape) { out in
          inParallel(rows, grain: rowGrain(width)) { range in
            normalize_layer_gradient(
              out, gradient.pointer, x.pointer, mean.pointer, inverse.pointer, scale?.pointer, width,
              range.lowerBound, range.count)
          }
          keepAlive(gradient, x, scale)
        }
      }
      if inputs.count == 3 {
        let ones = Tensor.ones(inner)
        let normal =
          record.needs(1) ? x.layerNormalized(axes: axes, scale: ones, offset: ones * 0, epsilon: epsilon) : nil
        parts.append(normal.map { (gradient * $0).sum(axes: reduced) })
        parts.append(record.needs(2) ? gradient.sum(axes: reduced) : nil)
      }
      return parts
    }
  }
}

/// The mean and deviation of each channel, and what gradients need of them. x is units × rows × channels; a unit is a
/// sample. Work is shared out by chunks of rows whose size does not depend on the number of threads.
private struct Moments: Sendable {
  let scope: StatisticsScope
  let units, rows, channels: Int
  let chunkRows: Int
  /// For each channel, or for each unit and channel.
  let mean, variance: Tensor
  /// 1 / √(variance + epsilon), as the mean.
  let inverse: Tensor
  private let shape: [Int]

  init(of x: Tensor, _ scope: StatisticsScope, epsilon: Float) {
    self.scope = scope
    shape = x.shape
    channels = x.shape[x.rank - 1]
    units = x.shape[0]
    rows = x.count / (units * channels)
    chunkRows = max(1, grain / channels)
    let (units, rows, channels, chunkRows) = (units, rows, channels, chunkRows)
    let chunks = (rows + chunkRows - 1) / chunkRows
    let sums = Tensor(shape: [2, units * chunks, channels]) { out in
      Profile.counted("normalisation, statistics") {
        Moments.forEachChunk(units, rows, chunkRows, grain / 4 / (chunkRows * channels) + 1) {
          unit, row, count, index in
          let x = x.pointer + (unit * rows + row) * channels
          normalize_sums(out + index * channels, out + (units * chunks + index) * channels, x, count, channels)
        }
      }
      keepAlive(x)
    }
    let groups = scope == .batch ? 1 : units
    var (mean, variance) = (
      [Float](repeating: 0, count: groups * channels), [Float](repeating: 0, count: groups * channels)
    )
    let partsOfGroup = units / groups * chunks
    for group in 0..<groups {
      for channel in 0..<channels {
        // Chan, Golub and LeVeque's pairwise update (1979), in double precision.
        var (n, m, squares) = (0.0, 0.0, 0.0)
        for part in group * partsOfGroup..<(group + 1) * partsOfGroup {
          let row = part % chunks * chunkRows
          let count = Double(min(chunkRows, rows - row))
          let shift = Double(x.pointer[(part / chunks * rows + row) * channels + channel])
          let sum = Double(sums.pointer[part * channels + channel])
          let square = Double(sums.pointer[(units * chunks + part) * channels + channel])
          let delta = shift + sum / count - m
          squares += square - sum * sum / count + delta * delta * n * count / (n + count)
          m += delta * count / (n + count)
          n += count
        }
        mean[group * channels + channel] = Float(m)
        variance[group * channels + channel] = Float(max(0, squares / n))
      }
    }
    let parameters = scope == .batch ? [channels] : [units, channels]
    self.mean = Tensor(mean, shape: parameters)
    self.variance = Tensor(variance, shape: parameters)
    inverse = Tensor(variance.map { 1 / ($0 + epsilon).squareRoot() }, shape: parameters)
    keepAlive(x, sums)
  }

  /// Calls with the unit, the first row, the number of rows and the chunk's number.
  func forEachChunk(_ body: (Int, Int, Int, Int) -> Void) {
    Moments.forEachChunk(units, rows, chunkRows, grain / 4 / (chunkRows * channels) + 1, body)
  }

  private static func forEachChunk(
    _ units: Int, _ rows: Int, _ chunkRows: Int, _ least: Int, _ body: (Int, Int, Int, Int) -> Void
  ) {
    let chunks = (rows + chunkRows - 1) / chunkRows
    inParallel(units * chunks, grain: least) { range in
      for index in range {
        let row = index % chunks * chunkRows
        body(index / chunks, row, min(chunkRows, rows - row), index)
      }
    }
  }

  /// y = x · factor + shift, for each unit and channel.
  struct Maps {
    let storage: Storage
    let factor, shift: UnsafeMutablePointer<Float>
  }

  /// The normalised tensor, in x's own memory where nobody else has it.
  func applied(_ maps: Maps, to x: consuming Tensor, slope: Float) -> Tensor {
    let result =
      isKnownUniquelyReferenced(&x.storage)
      ? Tensor(shape: shape, storage: x.storage, offset: x.offset) : Tensor(shape: shape) { _ in }
    result.storage.forgetPacked()
    apply(maps, from: x, to: result, slope: slope)
    return result
  }

  private func apply(_ maps: Maps, from x: Tensor, to result: Tensor, slope: Float) {
    Profile.counted("normalisation") {
      forEachChunk { unit, row, count, _ in
        let start = (unit * rows + row) * channels
        normalize_apply(
          result.pointer + start, x.pointer + start, maps.factor + unit * channels, maps.shift + unit * channels, slope,
          count, channels)
      }
    }
    keepAlive(x, maps.storage)
  }

  private func place(_ unit: Int, _ channel: Int, in parameter: Tensor) -> Int {
    parameter.rank == 2 ? unit * channels + channel : channel
  }

  func maps(scale: Tensor?, offset: Tensor?) -> Maps {
    let storage = Storage(2 * units * channels)
    let maps = Maps(storage: storage, factor: storage.pointer, shift: storage.pointer + units * channels)
    for unit in 0..<units {
      for channel in 0..<channels {
        let here = place(unit, channel, in: mean)
        let factor = inverse.pointer[here] * (scale.map { $0.pointer[place(unit, channel, in: $0)] } ?? 1)
        maps.factor[unit * channels + channel] = factor
        maps.shift[unit * channels + channel] =
          (offset.map { $0.pointer[place(unit, channel, in: $0)] } ?? 0) - mean.pointer[here] * factor
      }
    }
    keepAlive(scale, offset)
    return maps
  }

  /// The gradients with respect to x, scale and offset: with x̂ = (x - mean) / deviation and n elements in a group,
  /// dx = scale / deviation · (g - mean(g · scale) / scale - x̂ mean(g · scale · x̂) / scale).
  func gradients(_ gradient: Tensor, _ record: Record, slope: Float) -> [Tensor?] {
    let (x, scale, offset) = (record.input(0), record.input(1), record.input(2))
    let maps = maps(scale: scale, offset: offset)
    let chunks = (rows + chunkRows - 1) / chunkRows
    let (units, channels) = (units, channels)
    let sums = Tensor(shape: [2, units * chunks, channels]) { out in
      forEachChunk { unit, row, count, index in
        let start = (unit * rows + row) * channels
        normalize_gradient_sums(
          out + index * channels, out + (units * chunks + index) * channels, gradient.pointer + start,
          x.pointer + start, maps.factor + unit * channels, maps.shift + unit * channels,
          mean.pointer + place(unit, 0, in: mean), slope, count, channels)
      }
    }
    // Of each unit and channel: the sums of g and of g x̂.
    var (plain, product) = (
      [Double](repeating: 0, count: units * channels), [Double](repeating: 0, count: units * channels)
    )
    for part in 0..<units * chunks {
      let unit = part / chunks
      for channel in 0..<channels {
        plain[unit * channels + channel] += Double(sums.pointer[part * channels + channel])
        product[unit * channels + channel] +=
          Double(sums.pointer[(units * chunks + part) * channels + channel])
          * Double(inverse.pointer[place(unit, channel, in: mean)])
      }
    }
    var parts: [Tensor?] = [nil, nil, nil]
    if record.needs(1) { parts[1] = total(product, like: scale) }
    if record.needs(2) { parts[2] = total(plain, like: offset) }
    guard record.needs(0) else { return parts }

    // dx = g p + x q + r
    let coefficients = Storage(3 * units * channels)
    let (p, q, r) = (
      coefficients.pointer, coefficients.pointer + units * channels, coefficients.pointer + 2 * units * channels
    )
    let unitsOfGroup = scope == .batch ? units : 1
    let n = Double(unitsOfGroup * rows)
    for channel in 0..<channels {
      for first in stride(from: 0, to: units, by: unitsOfGroup) {
        var (a, b) = (0.0, 0.0)
        for unit in first..<first + unitsOfGroup {
          let factor = Double(scale.pointer[place(unit, channel, in: scale)])
          a += plain[unit * channels + channel] * factor
          b += product[unit * channels + channel] * factor
        }
        let here = place(first, channel, in: mean)
        let (middle, inverse) = (Double(mean.pointer[here]), Double(inverse.pointer[here]))
        for unit in first..<first + unitsOfGroup {
          let index = unit * channels + channel
          p[index] = Float(inverse * Double(scale.pointer[place(unit, channel, in: scale)]))
          q[index] = Float(-inverse * inverse * b / n)
          r[index] = Float(inverse * (inverse * middle * b - a) / n)
        }
      }
    }
    parts[0] = Tensor(shape: shape) { out in
      forEachChunk { unit, row, count, _ in
        let (start, here) = ((unit * rows + row) * channels, unit * channels)
        normalize_gradient_apply(
          out + start, gradient.pointer + start, x.pointer + start, maps.factor + here, maps.shift + here, p + here,
          q + here, r + here, slope, count, channels)
      }
    }
    keepAlive(gradient, x, scale, offset, maps.storage, coefficients, sums)
    return parts
  }

  /// Sums of each unit and channel as a gradient of a parameter for each channel, or for each unit and channel.
  private func total(_ sums: [Double], like parameter: Tensor) -> Tensor {
    if parameter.rank == 2 { return Tensor(sums.map { Float($0) }, shape: parameter.shape) }
    return Tensor(
      (0..<channels).map { channel in
        Float((0..<units).reduce(0.0) { $0 + sums[$1 * channels + channel] })
      }, shape: parameter.shape)
  }
}
