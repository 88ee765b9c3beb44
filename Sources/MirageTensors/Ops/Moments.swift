import CKernels

/// Mean and variance of each channel for normalization, and its gradients. A tensor is seen as units × rows × channels,
/// where a unit is a sample. Work is divided into chunks of rows, whose size is independent of the number of threads.
struct Moments: Sendable {
  let scope: StatisticsScope
  let units, rows, channels: Int
  /// Number of rows per chunk.
  let chunkRows: Int
  /// Number of chunks per unit.
  private let chunks: Int
  /// Mean and biased variance, C, or N × C if the scope is a sample.
  let mean, variance: Tensor
  /// 1 / √(variance + epsilon), of the shape of the mean.
  let inverse: Tensor
  private let shape: [Int]

  /// Computes the moments of a tensor.
  init(of x: Tensor, _ scope: StatisticsScope, epsilon: Float) {
    self.scope = scope
    shape = x.shape
    channels = x.shape[x.rank - 1]
    units = x.shape[0]
    rows = x.count / (units * channels)
    chunkRows = max(1, grain / channels)
    chunks = (rows + chunkRows - 1) / chunkRows
    let (units, rows, channels, chunkRows, chunks) = (units, rows, channels, chunkRows, chunks)
    let sums = Tensor(shape: [2, units * chunks, channels]) { out in
      Profile.counted("normalization, statistics") {
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
        // Pairwise update of Chan, Golub and LeVeque (1979), in double precision.
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

  /// Creates moments from a given mean and variance of each channel.
  ///
  /// - Parameter shape: Shape of the tensor to normalize, which is not empty.
  init(mean: Tensor, variance: Tensor, for shape: [Int], epsilon: Float) {
    (scope, self.shape, self.mean, self.variance) = (.batch, shape, mean, variance)
    channels = shape[shape.count - 1]
    units = shape[0]
    rows = shape.product / (units * channels)
    chunkRows = max(1, grain / channels)
    chunks = (rows + chunkRows - 1) / chunkRows
    inverse = Tensor(variance.values.map { 1 / ($0 + epsilon).squareRoot() }, shape: [channels])
  }

  /// Calls the body concurrently for each chunk, with its unit, first row, number of rows, and index.
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

  /// Factor and shift of y = x · factor + shift for each unit and channel.
  struct Maps {
    let storage: Storage
    let factor, shift: UnsafeMutablePointer<Float>
  }

  /// Returns the normalized tensor, in the memory of x if nothing else refers to it.
  func applied(_ maps: Maps, to x: consuming Tensor, slope: Float) -> Tensor {
    let result =
      isKnownUniquelyReferenced(&x.storage)
      ? Tensor(shape: shape, storage: x.storage, offset: x.offset) : Tensor(shape: shape) { _ in }
    result.storage.forgetPacked()
    apply(maps, from: x, to: result, slope: slope)
    return result
  }

  private func apply(_ maps: Maps, from x: Tensor, to result: Tensor, slope: Float) {
    Profile.counted("normalization") {
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

  /// Combines moments, scale and offset into one factor and shift per unit and channel.
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

  /// Computes the gradients with respect to x, scale and offset: with x̂ = (x - mean) / deviation and n elements in a group,
  /// dx = scale / deviation · (g - mean(g · scale) / scale - x̂ mean(g · scale · x̂) / scale).
  func gradients(_ gradient: Tensor, _ record: Record, slope: Float) -> [Tensor?] {
    let (x, scale, offset) = (record.input(0), record.input(1), record.input(2))
    let maps = maps(scale: scale, offset: offset)
    let sums = gradientSums(gradient, x, maps, slope: slope)
    return [
      record.needs(0) ? inputGradient(gradient, x, scale, maps, sums, slope: slope) : nil,
      record.needs(1) ? total(sums.normalized, like: scale) : nil,
      record.needs(2) ? total(sums.plain, like: offset) : nil,
    ]
  }

  /// Sums of g and of g x̂ for each unit and channel.
  private typealias GradientSums = (plain: [Double], normalized: [Double])

  private func gradientSums(_ gradient: Tensor, _ x: Tensor, _ maps: Maps, slope: Float) -> GradientSums {
    let sums = Tensor(shape: [2, units * chunks, channels]) { out in
      forEachChunk { unit, row, count, index in
        let start = (unit * rows + row) * channels
        normalize_gradient_sums(
          out + index * channels, out + (units * chunks + index) * channels, gradient.pointer + start,
          x.pointer + start, maps.factor + unit * channels, maps.shift + unit * channels,
          mean.pointer + place(unit, 0, in: mean), slope, count, channels)
      }
    }
    var plain = [Double](repeating: 0, count: units * channels)
    var normalized = plain
    for part in 0..<units * chunks {
      let unit = part / chunks
      for channel in 0..<channels {
        plain[unit * channels + channel] += Double(sums.pointer[part * channels + channel])
        normalized[unit * channels + channel] +=
          Double(sums.pointer[(units * chunks + part) * channels + channel])
          * Double(inverse.pointer[place(unit, channel, in: mean)])
      }
    }
    keepAlive(gradient, x, maps.storage, sums)
    return (plain, normalized)
  }

  /// Computes dx = g p + x q + r, with p, q and r for each unit and channel.
  private func inputGradient(
    _ gradient: Tensor, _ x: Tensor, _ scale: Tensor, _ maps: Maps, _ sums: GradientSums, slope: Float
  ) -> Tensor {
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
          a += sums.plain[unit * channels + channel] * factor
          b += sums.normalized[unit * channels + channel] * factor
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
    let result = Tensor(shape: shape) { out in
      forEachChunk { unit, row, count, _ in
        let (start, here) = ((unit * rows + row) * channels, unit * channels)
        normalize_gradient_apply(
          out + start, gradient.pointer + start, x.pointer + start, maps.factor + here, maps.shift + here, p + here,
          q + here, r + here, slope, count, channels)
      }
    }
    keepAlive(gradient, x, scale, maps.storage, coefficients)
    return result
  }

  /// Converts sums for each unit and channel into the gradient of a parameter, which is C or N × C.
  private func total(_ sums: [Double], like parameter: Tensor) -> Tensor {
    if parameter.rank == 2 { return Tensor(sums.map { Float($0) }, shape: parameter.shape) }
    return Tensor(
      (0..<channels).map { channel in
        Float((0..<units).reduce(0.0) { $0 + sums[$1 * channels + channel] })
      }, shape: parameter.shape)
  }
}
