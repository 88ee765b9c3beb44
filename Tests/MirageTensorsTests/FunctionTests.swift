import CKernels
import Glibc
import MirageTensors
import Testing

/// The elementary functions over all floats, in units in the last place of the exact result.
@Suite struct FunctionTests {
  @Test(arguments: ElementaryFunction.all) func errorIsAFewUnits(_ function: ElementaryFunction) {
    // Every 4,093rd bit pattern, and the edges.
    var x =
      stride(from: UInt32(0), to: .max - 4_093, by: 4_093).map { Float(bitPattern: $0) } + ElementaryFunction.edges
    // Densely where most work is done.
    x += (-40_000...40_000).map { Float($0) / 2_000 }
    var out = [Float](repeating: .nan, count: x.count)
    tensor_unary(function.operation, &out, x, x.count, 0, 0)
    var (worst, place) = (0.0, Float(0))
    for (x, y) in zip(x, out) {
      let error =
        function.units(y, function.exact(Double(x)))
        / (x > 88.3 ? function.farLimit ?? function.limit : function.limit)
      if error > worst { (worst, place) = (error, x) }
    }
    #expect(worst <= 1, "at \(place)")
  }

  @Test(arguments: ElementaryFunction.all) func specialValuesAreRight(_ function: ElementaryFunction) {
    let x = ElementaryFunction.edges
    for count in [1, 5, 16, x.count] {  // also behind the vectors' end
      var out = [Float](repeating: 0, count: count)
      tensor_unary(function.operation, &out, x, count, 0, 0)
      for (x, y) in zip(x, out) {
        let exact = function.exact(Double(x))
        #expect(y.isNaN == exact.isNaN, "\(function.testDescription) of \(x) is \(y)")
        #expect(y.isInfinite == Float(exact).isInfinite, "\(function.testDescription) of \(x) is \(y)")
      }
    }
  }

  @Test func oddFunctionsKeepTheSignOfZero() {
    let x: [Float] = [0, -0.0]
    for operation in [unary_tanh, unary_sin, unary_sqrt] {
      var out: [Float] = [1, 1]
      tensor_unary(operation, &out, x, 2, 0, 0)
      #expect(out.map(\.bitPattern) == x.map(\.bitPattern))
    }
  }

  @Test func notANumberGoesThroughEveryFunction() {
    let x = Tensor([.nan, 1], shape: [2])
    let results = [
      x.exp(), x.log(), x.sqrt(), x.square(), x.abs(), x.sign(), x.reciprocal(), x.pow(2), x.sin(), x.cos(), x.tanh(),
      x.sigmoid(), x.relu(), x.leakyReLU(0.2), x.silu(), x.softplus(), x.clamped(to: 0...1), maximum(x, .zeros([2])),
      maximum(.zeros([2]), x), minimum(x, .zeros([2])), minimum(.zeros([2]), x),
    ]
    for (index, result) in results.enumerated() {
      #expect(result.values[0].isNaN && !result.values[1].isNaN, "function \(index)")
    }
    #expect(x.max(axis: 0).scalar.isNaN && x.sum().scalar.isNaN)
  }

  @Test func rectifiersOfInfinitiesAreRight() {
    let x = Tensor([-.infinity, .infinity], shape: [2])
    #expect(x.relu().values == [0, .infinity] && x.leakyReLU(0.5).values == [-.infinity, .infinity])
    #expect(x.clamped(to: -1...1).values == [-1, 1] && x.sign().values == [-1, 1])
  }
}

struct ElementaryFunction: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let operation: tensor_function
  /// Units in the last place that the result may be off.
  let limit: Double
  /// The same above 88.3: where 2¹²⁸ cannot be the factor, the polynomial of exp serves for more than it is meant for.
  var farLimit: Double?
  let exact: @Sendable (Double) -> Double

  static let all: [ElementaryFunction] = [
    ElementaryFunction(testDescription: "exp", operation: unary_exp, limit: 2, farLimit: 6) { exp($0) },
    ElementaryFunction(testDescription: "log", operation: unary_log, limit: 2) { $0 < 0 ? .nan : log($0) },
    ElementaryFunction(testDescription: "sqrt", operation: unary_sqrt, limit: 0.5) { $0 < 0 ? .nan : sqrt($0) },
    ElementaryFunction(testDescription: "reciprocal", operation: unary_reciprocal, limit: 0.5) { 1 / $0 },
    ElementaryFunction(testDescription: "sin", operation: unary_sin, limit: 1) { sin($0) },
    ElementaryFunction(testDescription: "cos", operation: unary_cos, limit: 1) { cos($0) },
    ElementaryFunction(testDescription: "tanh", operation: unary_tanh, limit: 2) { tanh($0) },
    ElementaryFunction(testDescription: "sigmoid", operation: unary_sigmoid, limit: 4) { 1 / (1 + exp(-$0)) },
    ElementaryFunction(testDescription: "softplus", operation: unary_softplus, limit: 4) {
      $0 > 0 ? $0 + log1p(exp(-$0)) : log1p(exp($0))
    },
  ]

  static let edges: [Float] = [
    0, -0.0, 1, -1, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, -.leastNormalMagnitude,
    .leastNormalMagnitude.nextDown, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .infinity, -.infinity, .nan,
    88.722_83, 88.722_84, 88.722_85, 88.8, 89, 1e4, -87.336_5, -87.336_6, -88, -89, -103.9, -104, -1e4, 0.625,
    Float(0.625).nextDown, -0.625, 9.01, 10, 10.1, -10.1, 16.6, 17, 0.707_106_77, 0.707_106_8, 1.414_213_6,
    Float(1).nextUp,
    Float(1).nextDown, 44.1, -44.1, .pi, .pi / 2, 1e7, 8_388_608, 16_777_216,
  ]

  /// How far off a result is. Results that are less than the least normal number may be 0 instead.
  func units(_ value: Float, _ exact: Double) -> Double {
    if exact.isNaN || value.isNaN { return exact.isNaN && value.isNaN ? 0 : .infinity }
    let rounded = Float(exact)
    if rounded.isInfinite || value.isInfinite {
      // Within a unit of the greatest number either is right.
      let near = { (x: Float) in x.magnitude >= Float.greatestFiniteMagnitude.nextDown }
      return value == rounded || near(value) && near(rounded) && value.sign == rounded.sign ? 0 : .infinity
    }
    if rounded.magnitude < .leastNormalMagnitude && value == 0 { return 0 }
    return abs(Double(value) - exact) / Double(max(rounded.magnitude, .leastNormalMagnitude).ulp)
  }
}
