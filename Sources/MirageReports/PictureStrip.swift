import FoundationEssentials
import MirageSupport
import MirageMedia

/// Pictures of one name: the newest in full size, with some earlier ones below it.
struct PictureStrip {
  private let shown: [(grid: TrainingHistory.Grid, source: String)]

  /// Maximum number of pictures on a page, and maximum total size of their files in bytes.
  private static let limits = (pictures: 12, bytes: 3 << 20)

  /// Maximum width of the newest picture, in pixels of the page.
  private static let columnWidth = 608

  /// Returns the strips of a history, with those of their pictures that can be read.
  static func all(of history: TrainingHistory, in directory: String) -> [PictureStrip] {
    var names: [String] = []
    for grid in history.grids where !names.contains(grid.name) { names.append(grid.name) }
    return names.compactMap { name in
      let strip = PictureStrip(
        history.grids.filter { $0.name == name }, in: directory, pictures: max(2, limits.pictures / names.count),
        bytes: limits.bytes / names.count)
      return strip.shown.isEmpty ? nil : strip
    }
  }

  private init(_ grids: [TrainingHistory.Grid], in directory: String, pictures: Int, bytes: Int) {
    // The pictures are spread evenly over the training, including the first and the newest.
    let count = min(grids.count, pictures)
    let chosen = (0..<count).map { grids[count == 1 ? grids.count - 1 : $0 * (grids.count - 1) / (count - 1)] }
    var room = bytes
    var shown: [(grid: TrainingHistory.Grid, source: String)] = []
    for grid in chosen.reversed() {
      let isNewest = shown.isEmpty
      let picture = Self.source(
        directory + "/" + grid.file, limit: isNewest ? 1 << 20 : 1 << 17,
        width: isNewest ? 2 * Self.columnWidth : Self.columnWidth)
      guard let (source, size) = picture, isNewest || size <= room else { continue }
      room -= size
      shown.append((grid, source))
    }
    self.shown = shown.reversed()
  }

  /// Returns a picture as a data URL. A large file is encoded again in the size that it is shown in, with a few per
  /// cent of its bytes.
  private static func source(_ path: String, limit: Int, width: Int) -> (source: String, size: Int)? {
    guard var bytes = try? InputFile.contents(of: path, limit: 1 << 27), bytes.starts(with: PNG.signature)
    else { return nil }
    var type = "png"
    if bytes.count > limit {
      guard let image = try? PNG.decode(bytes).converted(to: .rgb) else { return nil }
      let height = max(1, min(Image.sideLimit, image.height * width / image.width))
      let smaller = image.width > width ? image.resized(height: height, width: width) : image
      guard let encoded = try? JPEG.encode(smaller, quality: 88) else { return nil }
      (bytes, type) = (encoded, "jpeg")
    }
    return ("data:image/\(type);base64," + Data(bytes).base64EncodedString(), bytes.count)
  }

  /// Returns the strip as HTML.
  ///
  /// - Parameter isNamed: whether the name is shown, since the page has several strips.
  func html(isNamed: Bool) -> String {
    let newest = shown.last!
    // Small pictures are enlarged by a whole factor, so that each of their pixels remains a square.
    let zoom = Self.columnWidth / newest.grid.width
    let name = newest.grid.name.split(separator: "/", maxSplits: 1).last.map(String.init) ?? ""
    var html = isNamed ? "<h2>\(escaped(name))</h2>\n" : ""
    html += "<figure class=\"strip\">\n"
    html += image(
      newest, style: zoom > 1 ? "large crisp" : "large", width: zoom > 1 ? newest.grid.width * zoom : Self.columnWidth)
    html += "<figcaption>\(caption(newest.grid))</figcaption>\n"
    if shown.count > 1 {
      html += "<ol>\n"
      for picture in shown.dropLast() {
        html += "<li>" + image(picture, style: "small", width: picture.grid.width)
        html += "<span>\(NumberText.grouped(picture.grid.step, .typographic))</span></li>\n"
      }
      html += "</ol>\n"
    }
    return html + "</figure>\n"
  }

  private func image(_ picture: (grid: TrainingHistory.Grid, source: String), style: String, width: Int) -> String {
    let grid = picture.grid
    return "<img class=\"\(style)\" width=\"\(width)\" height=\"\(width * grid.height / grid.width)\""
      + " alt=\"\(caption(grid))\" src=\"\(picture.source)\">\n"
  }

  private func caption(_ grid: TrainingHistory.Grid) -> String {
    "Step \(NumberText.grouped(grid.step, .typographic))" + (grid.caption.isEmpty ? "" : " · \(escaped(grid.caption))")
  }

  /// Script that shows a picture in full size when it is clicked, and adds the newest to the strip.
  static let script = """
    for (const strip of document.querySelectorAll(".strip")) {
      const large = strip.querySelector(".large"), list = strip.querySelector("ol");
      if (!list) continue;
      const newest = list.lastElementChild.cloneNode(true), image = newest.querySelector("img");
      image.src = large.src;
      image.alt = large.alt;
      newest.querySelector("span").textContent = large.alt.match(/^Step ([\\d,]+)/)[1];
      newest.setAttribute("aria-current", "true");
      list.append(newest);
      for (const item of list.children) {
        item.tabIndex = 0;
        item.onclick = () => {
          const small = item.querySelector("img");
          large.src = small.src;
          large.alt = strip.querySelector("figcaption").textContent = small.alt;
          for (const other of list.children) other.removeAttribute("aria-current");
          item.setAttribute("aria-current", "true");
        };
        item.onkeydown = event => { if (event.key === "Enter") item.onclick(); };
      }
    }
    """
}
