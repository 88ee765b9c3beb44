import MirageSupport
import Glibc
import MirageMedia

/// A page about a training, while it runs and after: its state, its newest samples, its curves, its settings.
///
/// It is one HTML file that needs nothing else: styles, charts and pictures are inside. A browser that shows the page of
/// a training that runs loads it again every half minute.
public struct TrainingReport: Sendable {
  /// How far the training is.
  public enum Status: Sendable, Equatable {
    case running(step: Int, of: Int)
    case finished(step: Int)
    /// It can go on from its checkpoint.
    case interrupted(step: Int, of: Int)
    /// It cannot: such as "diverged at step 300: the generator's loss is not a number".
    case stopped(String)
  }

  /// A table of names and values, such as the training's configuration.
  public struct Facts: Sendable {
    public var title: String
    public var rows: [(name: String, value: String)]

    public init(_ title: String, _ rows: [(name: String, value: String)]) { (self.title, self.rows) = (title, rows) }

    /// The plain values of a document by their paths in it, such as `train.steps`.
    public init(_ title: String, _ document: JSONValue) {
      self.init(title, Self.rows(document, path: ""))
    }

    private static func rows(_ value: JSONValue, path: String) -> [(name: String, value: String)] {
      switch value {
      case .object(let fields):
        fields.sorted { $0.key < $1.key }.flatMap { rows($1, path: path.isEmpty ? $0 : path + "." + $0) }
      case .string(let text): [(path, text)]
      default: [(path, value.text)]
      }
    }
  }

  public var title: String
  public var status: Status
  public var history: TrainingHistory
  public var facts: [Facts]

  public init(title: String, status: Status, history: TrainingHistory, facts: [Facts] = []) {
    (self.title, self.status, self.history, self.facts) = (title, status, history, facts)
  }

  /// The file's name in the training's directory.
  public static let fileName = "report.html"

  /// Writes `report.html` into a training's directory, where the pictures of its history are.
  /// - Throws: an I/O error.
  public func write(in directory: String) throws {
    try OutputFile.replace(directory + "/" + Self.fileName, with: html(picturesIn: directory).utf8)
  }

  /// The page. Pictures that cannot be read are left out.
  public func html(picturesIn directory: String) -> String {
    let pictures = PictureStrip.all(of: history, in: directory)
    let tables = facts.map(Self.table)
    var page = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      \(isRunning ? "<meta http-equiv=\"refresh\" content=\"30\">" : "")
      <title>\(escaped(title)) · \(escaped(statusText))</title>
      <style>
      \(ChartStyle.css)
      \(ReportStyle.css)
      </style>
      </head>
      <body>
      <header>
      <h1>\(escaped(title))</h1>
      <p class="status \(statusStyle)">\(escaped(statusText))</p>
      \(progress)
      <p class="about">\(escaped(about))</p>
      </header>

      """
    page += "<main>\n"
    let charts = section("charts", charts.map { "<figure>\($0.svg)</figure>\n" }.joined())
    if pictures.isEmpty {
      page += section("metrics", metricTable) + charts + section("tables", tables.joined())
    } else {
      let strips = pictures.map { $0.html(isNamed: pictures.count > 1) }.joined()
      page += "<div class=\"overview\">\n" + section("samples", strips) + "<div class=\"beside\">\n"
      page += section("metrics", metricTable) + section("tables", tables.first ?? "") + "</div>\n</div>\n"
      page += charts + section("tables", tables.dropFirst().joined())
    }
    page += "</main>\n<footer>Written \(escaped(Self.date(wallTime()))) by Mirage.</footer>\n"
    page += pictures.isEmpty ? "" : "<script>\(PictureStrip.script)</script>\n"
    return page + "</body>\n</html>\n"
  }

  private func section(_ style: String, _ content: String) -> String {
    content.isEmpty ? "" : "<section class=\"\(style)\">\n\(content)</section>\n"
  }

  private static func table(_ facts: Facts) -> String {
    let rows = facts.rows.map { name, value in
      // A long name breaks after its dots.
      let name = name.split(separator: ".", omittingEmptySubsequences: false).map { escaped(String($0)) }
      return "<tr><th scope=\"row\">\(name.joined(separator: ".<wbr>"))</th><td>\(escaped(value))</td></tr>\n"
    }
    return rows.isEmpty
      ? "" : "<table class=\"facts\">\n<caption>\(escaped(facts.title))</caption>\n\(rows.joined())</table>\n"
  }

  private static func date(_ seconds: Double) -> String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
      + " at \(two(parts.tm_hour)):\(two(parts.tm_min)) UTC"
  }
}

// The state of the training.
extension TrainingReport {
  private var isRunning: Bool { if case .running = status { true } else { false } }

  private var statusText: String {
    switch status {
    case .running(let step, let steps):
      "Running, step \(NumberText.grouped(step, .typographic)) of \(NumberText.grouped(steps, .typographic))"
    case .finished(let step): "Finished after \(NumberText.grouped(step, .typographic)) steps"
    case .interrupted(let step, let steps):
      "Interrupted at step \(NumberText.grouped(step, .typographic)) of \(NumberText.grouped(steps, .typographic))"
    case .stopped(let reason): "Stopped: \(reason)"
    }
  }

  private var statusStyle: String {
    switch status {
    case .running: "running"
    case .finished: "finished"
    case .interrupted: "interrupted"
    case .stopped: "stopped"
    }
  }

  private var progress: String {
    guard case .running(let step, let steps) = status, steps > 0 else { return "" }
    return "<progress max=\"\(steps)\" value=\"\(max(0, min(step, steps)))\"></progress>"
  }

  /// How long it took, how fast it is, and how long it may still take.
  private var about: String {
    var parts: [String] = []
    if history.seconds > 0 { parts.append("trained for \(NumberText.duration(history.seconds))") }
    if case .running(let step, let steps) = status, step > 0, steps > step, history.seconds > 0 {
      let left = history.seconds / Double(step) * Double(steps - step)
      parts.append("about \(NumberText.duration(left)) left")
    }
    if let speed = history.series.first(where: { $0.name.hasPrefix("speed/") }),
      let last = speed.points.last(where: { $0.value.isFinite })
    {
      parts.append(
        "\(NumberText.significant(last.value, digits: 3, .typographic)) \(MeasureName(speed.name).title.lowercased())")
    }
    return parts.joined(separator: " · ")
  }
}
