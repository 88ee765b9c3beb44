/// Elements of a drawing. Colors, line widths and type are in `ChartStyle`.
struct SVGCanvas {
  enum Anchor: String { case start, middle, end }

  private(set) var body = ""
  let width, height: Double

  init(width: Double, height: Double) { (self.width, self.height) = (width, height) }

  mutating func text(_ text: String, x: Double, y: Double, anchor: Anchor = .start, style: String = "") {
    body += "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
    if anchor != .start { body += " text-anchor=\"\(anchor.rawValue)\"" }
    if !style.isEmpty { body += " class=\"\(style)\"" }
    body += ">\(escaped(text))</text>\n"
  }

  /// Adds a title and, after it on the same line, a detail.
  mutating func title(_ title: String, detail: String, y: Double) {
    body += "<text x=\"0\" y=\"\(Self.number(y))\"><tspan class=\"title\">\(escaped(title))</tspan>"
    if !detail.isEmpty { body += "<tspan dx=\"\(title.isEmpty ? 0 : 8)\">\(escaped(detail))</tspan>" }
    body += "</text>\n"
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, style: String) {
    body +=
      "<path class=\"\(style)\" d=\"M\(Self.number(x1)) \(Self.number(y1))L\(Self.number(x2)) \(Self.number(y2))\"/>\n"
  }

  /// Adds lines through points; each run of points is one line.
  mutating func path(_ runs: [[(x: Double, y: Double)]], style: String) {
    let commands = runs.filter { !$0.isEmpty }.map { run in
      "M" + run.map { "\(Self.number($0.x)) \(Self.number($0.y))" }.joined(separator: "L")
    }
    if !commands.isEmpty { body += "<path class=\"\(style)\" d=\"\(commands.joined())\"/>\n" }
  }

  /// Adds a dot; browsers show its title under the pointer.
  mutating func dot(x: Double, y: Double, title: String, style: String) {
    body += "<circle class=\"\(style)\" cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"3.2\">"
    body += "<title>\(escaped(title))</title></circle>\n"
  }

  mutating func rectangle(x: Double, y: Double, width: Double, height: Double, title: String, style: String) {
    body += "<rect class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
    body += " width=\"\(Self.number(width))\" height=\"\(Self.number(height))\" rx=\"1.5\">"
    body += "<title>\(escaped(title))</title></rect>\n"
  }

  /// Draws elements that are clipped to the frame.
  mutating func clipped(to frame: ChartFrame, _ draw: (inout SVGCanvas) -> Void) {
    let (x, y) = (Self.number(frame.left), Self.number(frame.top))
    let (width, height) = (Self.number(frame.width), Self.number(frame.height))
    body += "<svg x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\""
    body += " viewBox=\"\(x) \(y) \(width) \(height)\">\n"
    draw(&self)
    body += "</svg>\n"
  }

  /// Returns the drawing as an SVG element for a page that includes `ChartStyle.css`.
  func element(label: String) -> String {
    "<svg class=\"chart\" viewBox=\"0 0 \(Self.number(width)) \(Self.number(height))\" role=\"img\""
      + " aria-label=\"\(escaped(label))\">\n\(body)</svg>\n"
  }

  /// Returns the drawing as the text of an SVG file, with a margin.
  func document(label: String) -> String {
    let margin = 16.0
    let (full, high) = (Self.number(width + 2 * margin), Self.number(height + 2 * margin))
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" aria-label=\"\(escaped(label))\""
      + " width=\"\(full)\" height=\"\(high)\" viewBox=\"\(Self.number(-margin)) \(Self.number(-margin)) \(full) \(high)\">\n"
      + "<style>\(ChartStyle.drawing)</style>\n"
      + "<rect class=\"paper\" x=\"\(Self.number(-margin))\" y=\"\(Self.number(-margin))\" width=\"\(full)\""
      + " height=\"\(high)\"/>\n\(body)</svg>\n"
  }

  /// Formats a length to a tenth of a pixel, limited to a distance far outside of the drawing.
  static func number(_ value: Double) -> String {
    let tenths = Int((max(-1e5, min(1e5, value)) * 10).rounded())
    let digits = tenths % 10 == 0 ? "\(tenths.magnitude / 10)" : "\(tenths.magnitude / 10).\(tenths.magnitude % 10)"
    return (tenths < 0 ? "-" : "") + digits
  }
}

/// Escapes text for elements and attributes of HTML and SVG. Control characters, which neither allows, become the
/// replacement character.
func escaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    case "\n", "\t": result.unicodeScalars.append(scalar)
    case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value & 0xFFFE == 0xFFFE:
      result += "\u{FFFD}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
