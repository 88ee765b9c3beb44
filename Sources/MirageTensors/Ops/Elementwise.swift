import CKernels

extension Tensor {
  /// Applies a function to each element, in place if nothing else refers to the memory.
  consuming func mapped(_ function: tensor_function, _ a: Float = 0, _ b: Float = 0) -> Tensor {
    let out = isKnownUniquelyReferenced(&storage) ? storage : Storage(count)
    out.forgetPacked()
    let start = out === storage ? offset : 0
    let (from, to, total) = (pointer, out.pointer + start, count)
    return Profile.counted("elementwise") {
      defer { keepAlive(storage) }
      inParallel(total, grain: grain) { range in
        tensor_unary(function, to + range.lowerBound, from + range.lowerBound, range.count, a, b)
      }
      return Tensor(shape: shape, storage: out, offset: start)
    }
  }

  /// Applies a function to each element, with a gradient rule that needs the input.
  private func map(
    _ name: StaticString, _ function: tensor_function, _ a: Float = 0, _ b: Float = 0,
    rule: @escaping @Sendable (_ gradient: Tensor, _ input: Tensor) -> Tensor
  ) -> Tensor {
    mapped(function, a, b).recorded(name, [self], saving: [0]) { gradient, record in [rule(gradient, record.input(0))] }
  }

  /// Returns e to the power of each element, accurate to two units in the last place: infinity above 88.72, 0 below -87.33.
  public func exp() -> Tensor {
    mapped(unary_exp).recorded("exp", [self], savingOutput: true) { [$0 * $1.output] }
  }

  /// Returns the natural logarithm of each element: NaN below 0, minus infinity at 0.
  public func log() -> Tensor { map("log", unary_log) { $0 / $1 } }

  /// Returns the square root of each element: NaN below 0.
  public func sqrt() -> Tensor {
    mapped(unary_sqrt).recorded("sqrt", [self], savingOutput: true) { [$0 * 0.5 / $1.output] }
  }

  /// Returns the square of each element.
  public func square() -> Tensor { map("square", unary_square) { $0 * ($1 * 2) } }

  /// Returns the absolute value of each element, with gradient 0 at 0.
  public func abs() -> Tensor { map("abs", unary_abs) { $0 * $1.sign() } }

  /// Returns the sign of each element, -1, 0 or 1, with gradient 0.
  public func sign() -> Tensor { detached().mapped(unary_sign) }

  /// Returns 1 / x for each element x.
  public func reciprocal() -> Tensor {
    mapped(unary_reciprocal).recorded("reciprocal", [self], savingOutput: true) { gradient, record in
      [-(gradient * record.output.square())]
    }
  }

  /// Returns each element to a constant power.
  public func pow(_ exponent: Float) -> Tensor {
    map("pow", unary_power, exponent) { gradient, x in gradient * (x.pow(exponent - 1) * exponent) }
  }

  /// Returns the sine of each element, in radians.
  public func sin() -> Tensor { map("sin", unary_sin) { $0 * $1.cos() } }
  /// Returns the cosine of each element, in radians.
  public func cos() -> Tensor { map("cos", unary_cos) { -($0 * $1.sin()) } }

  /// Returns the hyperbolic tangent of each element, accurate to two units in the last place.
  public consuming func tanh() -> Tensor {
    let input = trace
    return mapped(unary_tanh).recorded("tanh", [input], savingOutput: true) { gradient, record in
      [
        record.isDifferentiable
          ? gradient * (1 - record.output.square()) : combined(binary_tanh_gradient, gradient, record.output)
      ]
    }
  }

  /// Returns the logistic function 1 / (1 + exp(-x)) of each element.
  public consuming func sigmoid() -> Tensor {
    let input = trace
    return mapped(unary_sigmoid).recorded("sigmoid", [input], savingOutput: true) { gradient, record in
      [
        record.isDifferentiable
          ? gradient * (record.output * (1 - record.output))
          : combined(binary_sigmoid_gradient, gradient, record.output)
      ]
    }
  }

  /// Returns max(0, x) for each element x, with gradient 0 at 0.
  public consuming func relu() -> Tensor { leakyReLU(0) }

  /// Returns x for elements above 0, and slope · x for others (Maas et al. 2013).
  ///
  /// - Precondition: The slope is at least 0.
  public consuming func leakyReLU(_ slope: Float) -> Tensor {
    require(slope >= 0, "leakyReLU: slope \(slope)")
    let input = trace
    // The output has the sign of the input, so that the input need not be kept.
    return mapped(unary_leaky, slope).recorded("leakyReLU", [input], savingOutput: true) { gradient, record in
      [leakyGradient(gradient, record.output.detached(), slope)]
    }
  }

  /// Returns x · sigmoid(x) for each element x (Hendrycks and Gimpel 2016; Elfwing et al. 2018).
  public func silu() -> Tensor {
    map("silu", unary_silu) { gradient, x in
      let s = x.sigmoid()
      return gradient * (s * (1 + x * (1 - s)))
    }
  }

  /// Returns log(1 + exp(x)) for each element x.
  public func softplus() -> Tensor { map("softplus", unary_softplus) { $0 * $1.sigmoid() } }

  /// Clamps each element to a range. The gradient is 0 outside the range, and 1 inside and on its bounds.
  public func clamped(to range: ClosedRange<Float>) -> Tensor {
    let (low, high) = (range.lowerBound, range.upperBound)
    return map("clamped", unary_clamp, low, high) { gradient, x in
      let inside = combined(binary_equal, x.detached(), x.detached().clamped(to: low...high))
      return gradient * inside
    }
  }

  /// Returns a · x + b for each element x.
  consuming func affine(_ a: Float, _ b: Float) -> Tensor {
    let input = trace
    return mapped(unary_affine, a, b).recorded("affine", [input]) { gradient, _ in [gradient.affine(a, 0)] }
  }

  /// This tensor without its values, to record it as an input whose memory the operation may reuse.
  var trace: Tensor { Tensor(shape: shape, storage: Tensor.nothing, node: node) }
  private static let nothing = Storage(1)
}

/// Computes the gradient of leaky ReLU, which is linear in `gradient`, and whose derivative by `output` is 0.
private func leakyGradient(_ gradient: Tensor, _ output: Tensor, _ slope: Float) -> Tensor {
  combined(binary_leaky_gradient, gradient, output, slope)
    .recorded("leakyReLU's gradient", [gradient, output], saving: [1]) { second, record in
      [leakyGradient(second, record.input(1), slope), nil]
    }
}
