import CNumerics

/// Convolutions by oneDNN. Activations are channels last; weights are reordered as oneDNN prefers, and the reordered copy is
/// kept with their storage.
enum DirectConvolution {
  private struct Description: Hashable {
    let shape: ConvolutionShape
    let pass: ConvolutionPass
    let hasBias: Bool
  }

  static func forward(_ x: Tensor, _ weights: Tensor, _ bias: Tensor?, _ shape: ConvolutionShape) -> Tensor {
    let description = Description(shape: shape, pass: .forward, hasBias: bias != nil)
    let packed = packedWeights(weights, description)
    return Tensor(shape: shape.output) { out in
      var arguments = [(DNNL_ARG_SRC, x.pointer), (DNNL_ARG_WEIGHTS, packed.pointer), (DNNL_ARG_DST, out)]
      if let bias { arguments.append((DNNL_ARG_BIAS, bias.pointer)) }
      DNNL.execute(description, arguments) { primitive(description, $0) }
      keepAlive(x, packed, bias)
    }
  }

  static func inputGradient(_ gradient: Tensor, _ weights: Tensor, _ shape: ConvolutionShape) -> Tensor {
    let description = Description(shape: shape, pass: .inputGradient, hasBias: false)
    let packed = packedWeights(weights, description)
    return Tensor(shape: shape.input) { out in
      DNNL.execute(
        description,
        [(DNNL_ARG_DIFF_SRC, out), (DNNL_ARG_WEIGHTS, packed.pointer), (DNNL_ARG_DIFF_DST, gradient.pointer)]
      ) { primitive(description, $0) }
      keepAlive(gradient, packed)
    }
  }

  static func weightGradient(_ x: Tensor, _ gradient: Tensor, _ shape: ConvolutionShape) -> Tensor {
    let description = Description(shape: shape, pass: .weightGradient, hasBias: false)
    var layout = DNNL.layout(of: DNNL_ARG_DIFF_WEIGHTS, in: description) { primitive(description, $0) }
    let packed = Storage(dnnl_memory_desc_get_size(&layout) / 4)
    DNNL.execute(
      description,
      [(DNNL_ARG_SRC, x.pointer), (DNNL_ARG_DIFF_WEIGHTS, packed.pointer), (DNNL_ARG_DIFF_DST, gradient.pointer)]
    ) { primitive(description, $0) }
    return Tensor(shape: shape.weights) { out in
      reorder(packed.pointer, layout, out, plain(shape), Reordering(description: description, isUnpacking: true))
      keepAlive(x, gradient, packed)
    }
  }

  private struct Reordering: Hashable {
    let description: Description
    let isUnpacking: Bool
  }

  private static func packedWeights(_ weights: Tensor, _ description: Description) -> Storage {
    let key = PackedKey(kernel: AnyHashable(description), offset: weights.offset)
    return weights.storage.packed(key) {
      var layout = DNNL.layout(of: DNNL_ARG_WEIGHTS, in: description) { primitive(description, $0) }
      let packed = Storage(dnnl_memory_desc_get_size(&layout) / 4)
      reorder(
        weights.pointer, plain(description.shape), packed.pointer, layout,
        Reordering(description: description, isUnpacking: false))
      return packed
    }
  }

  private static func reorder(
    _ source: UnsafeMutablePointer<Float>, _ from: dnnl_memory_desc_t, _ target: UnsafeMutablePointer<Float>,
    _ to: dnnl_memory_desc_t, _ reordering: Reordering
  ) {
    DNNL.execute(reordering, [(DNNL_ARG_FROM, source), (DNNL_ARG_TO, target)]) { engine in
      var (from, to, descriptor) = (from, to, dnnl_primitive_desc_t?.none)
      let attributes = Primitive.attributes()
      defer { dnnl_primitive_attr_destroy(attributes) }
      DNNL.check(
        dnnl_reorder_primitive_desc_create(&descriptor, &from, engine, &to, engine, attributes), "describing a reorder")
      return Primitive(
        descriptor!, [DNNL_ARG_FROM, DNNL_ARG_TO], engine: engine)
    }
  }

  /// Layout of weights in tensors.
  private static func plain(_ shape: ConvolutionShape) -> dnnl_memory_desc_t {
    shape.groups == 1
      ? dnnlLayout(shape.weights, dnnl_oihw) : dnnlLayout(groupedWeights(shape), dnnl_goihw)
  }

  private static func groupedWeights(_ shape: ConvolutionShape) -> [Int] {
    [shape.groups, shape.outputChannels / shape.groups] + shape.weights.dropFirst()
  }

  private static func primitive(_ description: Description, _ engine: dnnl_engine_t) -> Primitive {
    let shape = description.shape
    func activations(_ sizes: [Int]) -> dnnl_memory_desc_t {
      dnnlLayout([sizes[0], sizes[3], sizes[1], sizes[2]], dnnl_nhwc)
    }
    var (source, destination) = (activations(shape.input), activations(shape.output))
    var weights = dnnlLayout(shape.groups == 1 ? shape.weights : groupedWeights(shape), dnnl_format_tag_any)
    var bias = dnnlLayout([shape.outputChannels], dnnl_x)
    func pair(_ a: Int, _ b: Int) -> [Int64] { [Int64(a), Int64(b)] + [Int64](repeating: 0, count: 10) }
    let strides = pair(shape.strideHeight, shape.strideWidth)
    let dilations = pair(shape.dilationHeight - 1, shape.dilationWidth - 1)
    let before = pair(shape.paddingHeight, shape.paddingWidth)
    let after = pair(shape.paddingBottom, shape.paddingRight)
    let attributes = Primitive.attributes()
    defer { dnnl_primitive_attr_destroy(attributes) }

    func described(
      _ hint: dnnl_primitive_desc_t?, _ initialize: (inout dnnl_convolution_desc_t) -> dnnl_status_t
    ) -> dnnl_primitive_desc_t {
      var (operation, descriptor) = (dnnl_convolution_desc_t(), dnnl_primitive_desc_t?.none)
      DNNL.check(initialize(&operation), "describing a convolution of \(shape)")
      DNNL.check(
        dnnl_primitive_desc_create(&descriptor, &operation, attributes, engine, hint),
        "choosing a convolution of \(shape)")
      return descriptor!
    }
    let forward = described(nil) { operation in
      if description.hasBias {
        return dnnl_dilated_convolution_forward_desc_init(
          &operation, dnnl_forward_training, dnnl_convolution_direct, &source, &weights, &bias, &destination, strides,
          dilations, before, after)
      }
      return dnnl_dilated_convolution_forward_desc_init(
        &operation, dnnl_forward_training, dnnl_convolution_direct, &source, &weights, nil, &destination, strides,
        dilations, before, after)
    }
    switch description.pass {
    case .forward:
      let bias = description.hasBias ? [DNNL_ARG_BIAS] : []
      return Primitive(forward, [DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST] + bias, engine: engine)
    case .inputGradient:
      defer { dnnl_primitive_desc_destroy(forward) }
      let descriptor = described(forward) { operation in
        dnnl_dilated_convolution_backward_data_desc_init(
          &operation, dnnl_convolution_direct, &source, &weights, &destination, strides, dilations, before, after)
      }
      return Primitive(descriptor, [DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST], engine: engine)
    case .weightGradient:
      defer { dnnl_primitive_desc_destroy(forward) }
      let descriptor = described(forward) { operation in
        dnnl_dilated_convolution_backward_weights_desc_init(
          &operation, dnnl_convolution_direct, &source, &weights, nil, &destination, strides, dilations, before, after)
      }
      return Primitive(descriptor, [DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST], engine: engine)
    }
  }
}
