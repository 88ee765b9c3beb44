import MirageSupport
import Glibc
import MirageMedia

/// An HTML page about a training, while it runs and afterwards: its status, newest samples, curves and settings.
///
/// The page is a single file with its styles, charts and pictures. While the training runs, a browser reloads the page
/// every half minute.
package struct TrainingReport: Sendable {
  /// Status of a training.
  package enum Status: Sendable, Equatable {
    case running(step: Int, of: Int)
    case finished(step: Int)
    /// Interrupted; it can be resumed from its checkpoint.
    case interrupted(step: Int, of: Int)
    /// Stopped for a reason, such as "diverged at step 300: the generator's loss is not a number".
    case stopped(String)
  }

  /// A table of names and values, such as the training's configuration.
  package struct Facts: Sendable {
    /// Title of the table.
    package var title: String
    /// Rows of the table.
    package var rows: [(name: String, value: String)]

    /// Creates a table of rows.
    package init(_ title: String, _ rows: [(name: String, value: String)]) { (self.title, self.rows) = (title, rows) }

    /// Creates a table of the plain values in a document, named by their paths in it, such as `train.steps`.
    package init(_ title: String, _ document: JSONValue) {
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

  /// Title of the page.
  package var title: String
  /// Status of the training.
  package var status: Status
  /// Series and pictures of the training.
  package var history: TrainingHistory
  /// Tables below the charts.
  package var facts: [Facts]

  /// Creates a report on a history.
  package init(title: String, status: Status, history: TrainingHistory, facts: [Facts] = []) {
    (self.title, self.status, self.history, self.facts) = (title, status, history, facts)
  }

  /// Name of the file in the training's directory.
  package static let fileName = "report.html"

  /// Writes `report.html` into the training's directory, which holds the pictures of the history.
  /// - Throws: an I/O error.
  package func write(in directory: String) throws {
    try OutputFile.replace(directory + "/" + Self.fileName, with: html(picturesIn: directory).utf8)
  }

  /// Returns the page as HTML, without pictures that cannot be read.
  package func html(picturesIn directory: String) -> String {
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
      // A long name can be broken after its dots.
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

// Status of the training.
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

  /// Duration so far, speed and estimated remaining time.
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
