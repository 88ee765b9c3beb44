/// Elementary functions that give the same bits on every processor, with a relative error below 1e-14.
///
/// The C library uses different code on different processors (with or without fused multiply-add), so the last bits of
/// its results differ between machines, and with them an occasional rounded pixel. These functions use only IEEE
/// operations in a fixed order.
public enum PortableMath {
  /// Returns the sine of an angle in radians.
  public static func sin(_ x: Double) -> Double { cos(x - Double.pi / 2) }

  /// Returns the cosine of an angle in radians.
  public static func cos(_ x: Double) -> Double {
    // Reduce to [-pi, pi], then halve three times: cos 2a = 2 cos^2 a - 1 would lose digits, so keep 1 - cos instead.
    let turns = (x / (2 * Double.pi)).rounded()
    let reduced = (x - turns * 6.28125) - turns * 0.001935307179586477
    let a = reduced / 8
    let square = a * a
    var term = 1.0
    var versine = 0.0  // 1 - cos a
    for n in 1...9 {
      term *= square / Double((2 * n - 1) * (2 * n))
      versine += n % 2 == 1 ? term : -term
    }
    for _ in 0..<3 { versine = 2 * versine * (2 - versine) }  // 1 - cos 2a = 2 (1 - cos a)(1 + cos a)
    return 1 - versine
  }

  /// Returns the exponential function; infinity above 709 and 0 below -745.
  public static func exp(_ x: Double) -> Double {
    if x > 709 { return .infinity }
    if x < -745 { return 0 }
    let power = (x / 0.6931471805599453).rounded()
    let rest = (x - power * 0.693145751953125) - power * 1.4286068203094172e-06
    var term = 1.0
    var sum = 1.0
    for n in 1...18 {
      term *= rest / Double(n)
      sum += term
    }
    return Double(sign: .plus, exponent: Int(power), significand: sum)
  }

  /// Returns the natural logarithm; minus infinity at 0 and not-a-number below.
  public static func log(_ x: Double) -> Double {
    if x <= 0 { return x == 0 ? -.infinity : .nan }
    var exponent = Double(x.exponent)
    var significand = x.significand
    if significand > 1.4142135623730951 {
      significand /= 2
      exponent += 1
    }
    // log m = 2 artanh((m - 1) / (m + 1)), |argument| < 0.172.
    let ratio = (significand - 1) / (significand + 1)
    let square = ratio * ratio
    var power = ratio
    var sum = 0.0
    for n in 0..<12 {
      sum += power / Double(2 * n + 1)
      power *= square
    }
    return exponent * 0.6931471805599453 + 2 * sum
  }

  /// Returns `base` to the power `exponent`, for a base of at least 0.
  public static func pow(_ base: Double, _ exponent: Double) -> Double {
    if base == 0 { return exponent == 0 ? 1 : 0 }
    return exp(exponent * log(base))
  }

  /// Returns `base` to a whole power of at least 0, by repeated squaring.
  public static func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, base, exponent) = (1.0, base, exponent)
    while exponent > 0 {
      if exponent & 1 == 1 { result *= base }
      base *= base
      exponent >>= 1
    }
    return result
  }
}
