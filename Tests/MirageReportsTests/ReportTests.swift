import MirageSupport
import MirageMedia
import MirageReports
import TestSupport
import Testing

@Suite struct TrainingReportTests {
  let directory = TemporaryDirectory()

  private func page(_ report: TrainingReport) throws -> String {
    try report.write(in: directory.path)
    let page = String(decoding: try InputFile.contents(of: directory.file("report.html")), as: UTF8.self)
    try expectBalanced(page)
    return page
  }

  @Test func statuses() throws {
    let cases: [(TrainingReport.Status, String)] = [
      (.running(step: 1200, of: 5000), "Running, step 1,200 of 5,000"),
      (.finished(step: 5000), "Finished after 5,000 steps"),
      (.interrupted(step: 3, of: 5000), "Interrupted at step 3 of 5,000"),
      (.stopped("diverged at step 300"), "Stopped: diverged at step 300"),
      (.running(step: 9, of: 0), "Running, step 9 of 0"),
    ]
    for (status, text) in cases {
      let page = try page(TrainingReport(title: "t", status: status, history: TrainingHistory()))
      #expect(page.contains(text))
      // Only what still changes is loaded again.
      #expect(page.contains("http-equiv=\"refresh\"") == text.hasPrefix("Running"))
    }
  }

  @Test func escapes() throws {
    let evil = "</title></style></script><script>alert('x')</script>\"'&<b>\u{0}\u{1B}"
    let log = try TrainingLog(directory.path)
    try log.scalar("loss/" + evil, step: 1, value: 1)
    try log.scalar("loss/b" + evil, step: 1, value: 1)
    try log.scalar("metric/" + evil, step: 1, value: 1)
    try log.scalar("speed/" + evil, step: 1, value: 1)
    try log.scalar(evil, step: 1, value: 1)
    try log.grid("<i>", step: 1, image: Image(height: 2, width: 2, channels: 1, fill: [0]), caption: evil)
    try log.grid("b", step: 1, image: Image(height: 2, width: 2, channels: 1, fill: [0]), caption: evil)
    let facts = TrainingReport.Facts(evil, [(evil, evil)])
    let page = try page(
      TrainingReport(title: evil, status: .stopped(evil), history: log.history, facts: [facts]))
    for forbidden in ["<script>alert", "<b>", "<i>", "\u{0}", "\u{1B}", "'x'"] { #expect(!page.contains(forbidden)) }
    #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)"))
    #expect(page.components(of: "<script").count == 2 && page.components(of: "<style").count == 2)
  }

  /// The page asks nothing of a network or of files beside it.
  @Test func standsAlone() throws {
    let log = try TrainingLog(directory.path)
    for step in 0..<300 { try log.scalar("loss/generator", step: step, value: Double(step)) }
    try log.grid(step: 1, image: Image(height: 2, width: 2, channels: 1, fill: [0]), caption: "")
    let page = try page(TrainingReport(title: "t", status: .finished(step: 300), history: log.history))
    for forbidden in ["http://", "https://", "@import", "url(", "<link", "src=\"grids"] {
      #expect(!page.contains(forbidden), "\(forbidden)")
    }
    #expect(page.contains("src=\"data:image/png;base64,"))
  }

  @Test func metrics() throws {
    let log = try TrainingLog(directory.path)
    for (step, value) in [(100, 50.0), (1200, 20), (1300, .nan), (1400, 25.5)] {
      try log.scalar("metric/fid", step: step, value: value)
      try log.scalar("metric/label-agreement", step: step, value: value / 100)
    }
    try log.scalar("metric/never", step: 1, value: .nan)
    let page = try page(TrainingReport(title: "t", status: .finished(step: 1400), history: log.history))
    let rows = page.components(of: "<tr>").dropFirst().map { $0.components(of: "</tr>")[0] }
    let fid = try #require(rows.first { $0.contains(">FID ") })
    #expect(fid.contains("lower is better") && fid.contains("<td>25.50</td><td>20.00</td>") && fid.contains("1,200"))
    let agreement = try #require(rows.first { $0.contains(">Label agreement ") })
    #expect(agreement.contains("higher is better") && agreement.contains("<td>0.2550</td><td>0.5000</td>"))
    #expect(!rows.contains { $0.contains("Never") })
    #expect(page.components(of: "<svg class=\"chart\"").count == 4)
  }

  /// Series of one kind share a chart; metrics and speeds do not.
  @Test func groups() throws {
    let log = try TrainingLog(directory.path)
    for name in ["speed/a", "speed/b", "learning-rate/generator", "metric/a", "metric/b", "loss/b", "loss/a", "plain"] {
      try log.scalar(name, step: 1, value: 1)
    }
    let page = try page(TrainingReport(title: "t", status: .finished(step: 1), history: log.history))
    let labels = page.components(of: "aria-label=\"").dropFirst().map { $0.components(of: "\"")[0] }
    #expect(
      labels == [
        "Loss. Last: A 1.000, B 1.000", "A. Last: A 1.000", "B. Last: B 1.000", "Learning rate. Last: Generator 1.000",
        "Plain. Last: Plain 1.000", "A. Last: A 1.000", "B. Last: B 1.000",
      ])
  }

  @Test func fewOfManyPictures() throws {
    let log = try TrainingLog(directory.path)
    for step in 0..<40 {
      try log.grid(step: step, image: Image(height: 2, width: 3, channels: 1, fill: [7]), caption: "")
    }
    var report = TrainingReport(title: "t", status: .finished(step: 39), history: log.history)
    var shown = try page(report).components(of: "alt=\"Step ").dropFirst().compactMap {
      Int($0.components(of: "\"")[0])
    }
    #expect(shown.count == 12 && shown.first == 39 && shown.contains(0))
    // Pictures that somebody removed, or that are none any more, are left out.
    try removeTree(directory.file("grids/step-0000039.png"))
    shown = try page(report).components(of: "alt=\"Step ").dropFirst().compactMap { Int($0.components(of: "\"")[0]) }
    #expect(shown.count == 11 && shown[0] < 39)
    try removeTree(directory.file("grids"))
    report.title = "without"
    #expect(try !page(report).contains("<img"))
  }

  /// Noise does not compress; the page stays small all the same.
  @Test func largePictures() throws {
    let log = try TrainingLog(directory.path)
    var random = Random(key: Random.Key(seed: 1, path: "noise"), sample: 0)
    let noise = Image(height: 700, width: 800, channels: 4) { buffer in
      for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: random.next()) }
    }
    for step in 0..<7 { try log.grid(step: step, image: noise, caption: "") }
    try directory.write("grids/step-0000003.png", [UInt8](repeating: 1, count: 1 << 18))
    let page = try page(TrainingReport(title: "t", status: .finished(step: 6), history: log.history))
    #expect(page.utf8.count < 6 << 20)
    #expect(page.contains("data:image/jpeg;base64,"))
    #expect(!page.contains("alt=\"Step 3\""))
  }

  @Test func factsOfADocument() {
    let facts = TrainingReport.Facts(
      "Configuration", ["train": ["steps": 5000, "rates": [1e-3, 0.5]], "name": "a b", "none": .null])
    #expect(facts.rows.map(\.name) == ["name", "none", "train.rates", "train.steps"])
    #expect(facts.rows.map(\.value) == ["a b", "null", "[0.001,0.5]", "5000"])
  }
}

@Suite struct ChartTests {
  private func line(
    _ values: [Double], x: LineChart.XAxis = .linear, y: LineChart.YAxis = .automatic, isNoisy: Bool = false
  ) -> LineChart {
    let points = values.enumerated().map { LineChart.Point(x: Double($0.offset), y: $0.element) }
    return LineChart(title: "Chart", xLabel: "step", series: [.init("a", points, isNoisy: isNoisy)], xAxis: x, yAxis: y)
  }

  /// Every chart is whole and has no coordinate that is not a number.
  private func check(_ svg: String, _ what: String = "") throws {
    try expectBalanced(svg)
    for part in svg.components(of: " d=\"").dropFirst() {
      let path = part.components(of: "\"")[0]
      #expect(path.allSatisfy { "ML0123456789.- ".contains($0) }, "\(what): \(path.prefix(80))")
    }
    for name in [" x=\"", " y=\"", " cx=\"", " cy=\"", " width=\"", " height=\""] {
      for part in svg.components(of: name).dropFirst() {
        let number = part.components(of: "\"")[0]
        #expect(Double(number) != nil, "\(what):\(name)\(number)")
      }
    }
  }

  @Test func fewValues() throws {
    for values in [[], [.nan], [.nan, .infinity, -.infinity]] as [[Double]] {
      let svg = line(values).svg
      try check(svg)
      #expect(svg.contains("no values yet"))
    }
    for value in [0, 1, -1, 1e-30, 1e30, -1e90, Double.leastNonzeroMagnitude, 1e308, 0.1] {
      for count in [1, 2, 30] {
        for isNoisy in [false, true] {
          let chart = line([Double](repeating: value, count: count), isNoisy: isNoisy)
          try check(chart.svg, "\(count) times \(value)")
          #expect(chart.svg.contains("no values yet") == (value == 1e308))
        }
      }
    }
    #expect(line([3]).svg.components(of: "<circle").count == 2)
    #expect(line([3, 3.0.nextUp]).svg.components(of: "<circle").count == 3)
  }

  @Test func gaps() throws {
    let values = (0..<100).map { $0 % 10 == 5 ? Double.nan : Double($0) }
    let svg = line(values).svg
    try check(svg)
    let path = try #require(svg.components(of: "class=\"line s1\" d=\"").last).components(of: "\"")[0]
    #expect(path.count { $0 == "M" } == 11)
    // A value alone between two gaps is a dot.
    #expect(line([Double](repeating: .nan, count: 50) + [1, .nan, 2, 3]).svg.components(of: "<circle").count == 2)
  }

  @Test func scales() throws {
    let decades = line([4000, 300, 40, 20])
    #expect(decades.svg.contains("log scale"))
    for label in [">10<", ">100<", ">1,000<", ">10,000<"] { #expect(decades.svg.contains(label)) }
    #expect(!line([4000, 300, 41]).svg.contains("log scale"))
    #expect(!line([4000, 300, 0]).svg.contains("log scale"))
    #expect(!line([4000, 300, -4]).svg.contains("log scale"))
    #expect(line([0, 1e-4, 2e-4]).svg.contains(">2×10⁻⁴<"))
    #expect(line([-0.5, 0.5]).svg.contains(">−0.4<"))
    #expect(line([0, 2.5e6]).svg.contains(">2×10⁶<"))
    // Where a logarithm was asked for, values without one are gaps.
    let forced = line([-1, 0, 1, 10], y: .logarithmic).svg
    try check(forced)
    #expect(forced.components(of: "<circle").count == 3)
    try check(line([-1, 0], y: .logarithmic).svg)
    try check(line([1, 2, 3], x: .logarithmic).svg)
    try check(line([1], x: .logarithmic).svg)
  }

  @Test func spikes() throws {
    var values = (0..<500).map { Double($0 % 7) * 6.1 / 6 }
    values[100] = 1e6
    values[200] = -1e6
    let svg = line(values, isNoisy: true).svg
    try check(svg)
    #expect(svg.contains("2 values off the scale"))
    #expect(svg.contains(">6<") && !svg.contains("10⁶"))
    // What lies within the scale once that ends at round numbers is not off it.
    values[100] = 7.9
    let detail = try #require(line(values).svg.components(of: "dx=\"8\">").last?.components(of: "<").first)
    #expect(detail == "1 value off the scale")
  }

  @Test func manyPoints() throws {
    let values = (0..<200_000).map { Double($0 * 7919 % 1000) }
    let svg = line(values, isNoisy: true).svg
    try check(svg)
    #expect(svg.utf8.count < 100_000)
  }

  @Test func errorBars() throws {
    let series = ["real", "augmented"].enumerated().map { index, name in
      LineChart.Series(
        name,
        [100, 1000, 60_000].map { size in
          let y = 0.7 + Double(index) / 10
          return LineChart.Point(x: size, y: y, low: y - 0.1, high: y + 0.1)
        })
    }
    var chart = LineChart(title: "Accuracy", series: series, xAxis: .logarithmic)
    try check(chart.svg)
    // A bar and its two ends for each point.
    #expect(chart.svg.components(of: "class=\"interval").count == 1 + 2 * 3 * 3)
    for label in [">100<", ">1,000<", ">60,000<"] { #expect(chart.svg.contains(label)) }
    #expect(chart.svg.contains("real, 60,000: 0.7000 (0.6000 to 0.8000)"))
    chart.xAxis = .categories(["few", "more", "many"])
    for index in chart.series.indices {
      for place in chart.series[index].points.indices { chart.series[index].points[place].x = Double(place) }
    }
    try check(chart.svg)
    #expect(chart.svg.contains(">few<") && chart.svg.contains("augmented, many: 0.8000"))
    chart.series[0].points[0].low = .nan
    chart.series[0].points[0].high = .infinity
    chart.series[0].points[1].x = .nan
    chart.series[1].points[1].x = 1e99
    try check(chart.svg)
    chart.xAxis = .categories([])
    try check(chart.svg)
  }

  @Test func bars() throws {
    let chart = BarChart(
      title: "Change <b>", detail: "points", names: ["T-shirt/top", "a & b", "none"],
      series: [
        .init("one", [.init(1, low: 0.5, high: 2), .init(-3, low: -4, high: -2), .init(.nan)]),
        .init("two", [.init(1e300), .init(0, low: .nan, high: .infinity)]),
      ])
    try check(chart.svg)
    try check(chart.file)
    #expect(chart.svg.components(of: "<rect").count == 4)
    #expect(chart.svg.contains(">−3.00<") && chart.svg.contains("a &amp; b") && !chart.svg.contains("<b>"))
    try check(BarChart(title: "", names: [], series: []).svg)
    try check(BarChart(title: "", names: ["a"], series: [.init("", [.init(0)])]).svg)
  }

  @Test func files() throws {
    let file = line([1, 2, 3]).file
    try check(file)
    #expect(file.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\"") && file.contains("<style>"))
  }

  /// Values of any size in any order make a drawing.
  @Test func anything() throws {
    var random = Random(key: Random.Key(seed: 3, path: "charts"), sample: 0)
    func pick<T>(_ values: [T]) -> T { values[Int(random.next() % UInt32(values.count))] }
    let values = [
      0, 1, -1, .leastNonzeroMagnitude, 1e-99, 1e-20, 3, 2.9999999999, 1e20, 1e99, 1e101, -1e99, .nan, .infinity, 0.5,
      7e5,
    ]
    for _ in 0..<300 {
      let series = (0..<pick([1, 2, 3])).map { index in
        LineChart.Series(
          "s\(index)",
          (0..<pick([0, 1, 2, 5, 60])).map { _ in
            LineChart.Point(
              x: pick(values), y: pick(values), low: pick([nil, pick(values)]), high: pick([nil, pick(values)]))
          }, isNoisy: pick([true, false]))
      }
      let chart = LineChart(
        title: "t", series: series, xAxis: pick([.linear, .logarithmic, .categories(["a", "b"])]),
        xRange: pick([nil, 0...1, -1...1e99]), yAxis: pick([.automatic, .linear, .logarithmic]))
      try check(chart.svg)
    }
  }
}

extension String {
  /// The parts between occurrences of a text.
  fileprivate func components(of separator: String) -> [Substring] { self[...].components(of: separator) }
}

extension Substring {
  fileprivate func components(of separator: String) -> [Substring] {
    split(separator: separator, omittingEmptySubsequences: false)
  }
}

/// Fails where an element of HTML or SVG is not closed, or closed in another order.
private func expectBalanced(_ text: String) throws {
  let void: Set<Substring> = ["meta", "img", "wbr", "!DOCTYPE"]
  var open: [Substring] = []
  var rest = text[...]
  while let start = rest.firstIndex(of: "<") {
    let end = try #require(rest[start...].firstIndex(of: ">"))
    let tag = rest[rest.index(after: start)..<end]
    rest = rest[rest.index(after: end)...]
    let name = tag.prefix { !$0.isWhitespace && $0 != "/" || $0 == "/" && tag.first == "/" }
    if name.hasPrefix("/") {
      let last = open.popLast()
      try #require(last == name.dropFirst(), "</\(name.dropFirst())> closes \(last ?? "nothing")")
    } else if !tag.hasSuffix("/") && !void.contains(name) {
      open.append(name)
      // What is inside is no markup.
      if ["script", "style"].contains(name), let close = rest.firstRange(of: "</\(name)>") {
        rest = rest[close.lowerBound...]
      }
    }
  }
  try #require(open.isEmpty, "not closed: \(open)")
}
