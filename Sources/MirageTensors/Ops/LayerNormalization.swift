import CKernels

extension Tensor {
  /// Normalizes over the last `axes` axes, separately for each index of the others (layer normalization, Ba et al. 2016).
  ///
  /// - Parameters:
  ///   - axes: Number of axes.
  ///   - scale: Factor after normalization, of the shape of these axes; given if and only if `offset` is.
  ///   - offset: Summand after normalization, of the shape of these axes.
  ///   - epsilon: Number added to the variance. Defaults to 1e-5.
  package func layerNormalized(
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
    return result.recorded("layer normalization", inputs, saving: inputs.count == 3 ? [0, 1, 2] : [0]) {
      gradient, record in
      if record.isDifferentiable {
        return gradientsThrough(gradient, record, inputs: inputs.count) { inputs in
          let axes = Array(shape.count - axes..<shape.count)
          let centered = inputs[0] - inputs[0].mean(axes: axes, keepingDimensions: true)
          let deviation = (centered.square().mean(axes: axes, keepingDimensions: true) + epsilon).sqrt()
          return inputs.count == 3 ? centered / deviation * inputs[1] + inputs[2] : centered / deviation
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
