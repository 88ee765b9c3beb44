import Glibc

/// Numbers as people read them: with a typographic minus, grouped digits, and powers of ten where they are out of hand.
enum NumberText {
  /// A number rounded to some decimals.
  static func fixed(_ value: Double, decimals: Int) -> String {
    let scale = pow(10, Double(decimals))
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 1e15 else { return scientific(value, digits: 3) }
    var digits = String(Int(scaled))
    digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 && scaled > 0 ? "−" : ""
    let fraction = decimals > 0 ? "." + digits.suffix(decimals) : ""
    return sign + grouped(String(digits.dropLast(decimals))) + fraction
  }

  /// A whole number with its thousands apart.
  static func grouped(_ value: Int) -> String { (value < 0 ? "−" : "") + grouped(String(value.magnitude)) }

  private static func grouped(_ digits: String) -> String {
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// A number with so many significant digits, as tables show it; a dash where it is not finite.
  static func significant(_ value: Double, digits: Int = 4) -> String {
    guard value.isFinite else { return "–" }
    if value == 0 { return "0" }
    let exponent = Int(log10(abs(value)).rounded(.down))
    if exponent < -4 || exponent > 8 { return scientific(value, digits: digits) }
    return fixed(value, decimals: max(0, digits - 1 - exponent))
  }

  /// Such as 2×10⁻⁴: at most `digits` significant digits, zeros at the end left out.
  static func scientific(_ value: Double, digits: Int) -> String {
    guard value != 0 else { return "0" }
    var exponent = Int(log10(abs(value)).rounded(.down))
    // The power may not be representable where the number is.
    var mantissa = abs(value) / pow(10, Double(exponent / 2)) / pow(10, Double(exponent - exponent / 2))
    let scale = pow(10, Double(digits - 1))
    mantissa = (mantissa * scale).rounded() / scale
    if mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    let text = trimmed(fixed(mantissa, decimals: digits - 1))
    let power = "10" + superscript(exponent)
    return (value < 0 ? "−" : "") + (text == "1" ? power : text + "×" + power)
  }

  /// A decimal number without the zeros at its end.
  static func trimmed(_ number: String) -> String {
    guard number.contains(".") else { return number }
    var text = number
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  private static func superscript(_ value: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return (value < 0 ? "⁻" : "") + String(String(value.magnitude).map { digits[$0.wholeNumberValue!] })
  }

  /// A span of time in its two largest units, such as "2 h 14 min".
  static func duration(_ seconds: Double) -> String {
    let total = Int(max(0, min(seconds, 1e9)).rounded())
    switch total {
    case ..<60: return "\(total) s"
    case ..<3600: return "\(total / 60) min" + (total < 600 && total % 60 > 0 ? " \(total % 60) s" : "")
    case ..<86_400: return "\(total / 3600) h" + (total % 3600 >= 60 ? " \(total % 3600 / 60) min" : "")
    default: return "\(total / 86_400) d" + (total % 86_400 >= 3600 ? " \(total % 86_400 / 3600) h" : "")
    }
  }
}
