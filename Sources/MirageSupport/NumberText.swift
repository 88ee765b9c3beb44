import Glibc

/// Formatting of numbers for terminals, Markdown, reports and charts. Halves are rounded away from zero.
package enum NumberText {
  /// Notation of signs and powers of ten.
  package enum Style: Sendable {
    /// ASCII, for terminals, Markdown and messages: `-1`, `2e-4`.
    case plain
    /// For charts and HTML: `−1`, `2×10⁻⁴`.
    case typographic

    fileprivate var minus: String { self == .plain ? "-" : "−" }
  }

  /// Formats with exactly this many decimals; as a power of ten from 1e15. Charts separate thousands.
  package static func fixed(_ value: Double, decimals: Int, _ style: Style = .plain) -> String {
    fixed(value, decimals: decimals, style, isGrouped: style == .typographic)
  }

  private static func fixed(_ value: Double, decimals: Int, _ style: Style, isGrouped: Bool) -> String {
    guard value.isFinite else { return notFinite(value, style) }
    let scaled = (abs(value) * pow(10, Double(decimals))).rounded()
    guard scaled < 1e15 else { return scientific(value, digits: 3, style) }
    var digits = String(Int(scaled))
    digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let whole = String(digits.dropLast(decimals))
    return (value < 0 && scaled > 0 ? style.minus : "") + (isGrouped ? grouped(whole) : whole)
      + (decimals > 0 ? "." + digits.suffix(decimals) : "")
  }

  /// Formats with at most this many decimals, without trailing zeros, as in JSON.
  package static func rounded(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return notFinite(value, .plain) }
    let scale = pow(10, Double(decimals))
    let scaled = (value * scale).rounded()
    return JSONValue.number(scaled.isFinite ? scaled / scale : value).text
  }

  /// Formats a fraction (0 to 1) in percent with two decimals, without the sign: `97.50`.
  package static func percent(_ fraction: Double) -> String {
    fixed((fraction * 10_000).rounded() / 100, decimals: 2)
  }

  /// Formats a whole number with its thousands separated by commas.
  package static func grouped(_ value: Int, _ style: Style = .plain) -> String {
    (value < 0 ? style.minus : "") + grouped(String(value.magnitude))
  }

  private static func grouped(_ digits: String) -> String {
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// Formats with this many significant digits and thousands separated; as a power of ten below 1e-4 and from 1e9.
  package static func significant(_ value: Double, digits: Int = 4, _ style: Style = .plain) -> String {
    guard value.isFinite else { return notFinite(value, style) }
    if value == 0 { return "0" }
    let exponent = Int(log10(abs(value)).rounded(.down))
    if exponent < -4 || exponent > 8 { return scientific(value, digits: digits, style) }
    return fixed(value, decimals: max(0, digits - 1 - exponent), style, isGrouped: true)
  }

  /// Formats as a power of ten, such as 2×10⁻⁴: with at most `digits` significant digits and no trailing zeros.
  package static func scientific(_ value: Double, digits: Int, _ style: Style = .plain) -> String {
    guard value.isFinite else { return notFinite(value, style) }
    guard value != 0 else { return "0" }
    var exponent = Int(log10(abs(value)).rounded(.down))
    // The power may not be representable even if the number is.
    var mantissa = abs(value) / pow(10, Double(exponent / 2)) / pow(10, Double(exponent - exponent / 2))
    let scale = pow(10, Double(digits - 1))
    mantissa = (mantissa * scale).rounded() / scale
    if mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    let text = trimmed(fixed(mantissa, decimals: digits - 1))
    let sign = value < 0 ? style.minus : ""
    switch style {
    case .plain: return sign + text + "e\(exponent)"
    case .typographic:
      let power = "10" + superscript(exponent)
      return sign + (text == "1" ? power : text + "×" + power)
    }
  }

  /// Removes the zeros at the end of a decimal number.
  package static func trimmed(_ number: String) -> String {
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

  /// Returns `nan`, `inf` or `-inf`; a dash for charts.
  private static func notFinite(_ value: Double, _ style: Style) -> String {
    style == .plain ? (value.isNaN ? "nan" : "\(value)") : "–"
  }

  /// Formats a duration in its two largest units, such as "2 h 14 min".
  package static func duration(_ seconds: Double) -> String {
    let total = Int(max(0, min(seconds, 1e9)).rounded())
    switch total {
    case ..<60: return "\(total) s"
    case ..<3600: return "\(total / 60) min" + (total < 600 && total % 60 > 0 ? " \(total % 60) s" : "")
    case ..<86_400: return "\(total / 3600) h" + (total % 3600 >= 60 ? " \(total % 3600 / 60) min" : "")
    default: return "\(total / 86_400) d" + (total % 86_400 >= 3600 ? " \(total % 86_400 / 3600) h" : "")
    }
  }

  /// Formats a duration as a clock shows it: `2:05`, `1:02:05`.
  package static func clock(_ seconds: Double) -> String {
    let total = Int(max(0, min(seconds, 1e9)))
    func padded(_ number: Int) -> String { (number < 10 ? "0" : "") + "\(number)" }
    let (hours, minutes) = (total / 3600, total / 60 % 60)
    return (hours > 0 ? "\(hours):" + padded(minutes) : "\(minutes)") + ":" + padded(total % 60)
  }
}
