import Foundation
import TestSupport
import Testing

/// Every Swift block in the documentation's articles is code that a test compiles and runs.
@Suite struct ArticleTests {
  static let catalog = repository + "/Sources/Mirage/Mirage.docc/"
  static let articles = ["AFlow": "Flow", "AStageOfYourOwn": "Stage", "AModelOfYourOwn": "Model"]

  /// Lines without their indentation, empty ones left out.
  private func lines(_ text: some StringProtocol) -> [String] {
    text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }

  @Test(arguments: articles) func codeIsTested(article: String, test: String) throws {
    let text = try String(contentsOfFile: Self.catalog + article + ".md", encoding: .utf8)
    let tested = lines(
      try String(contentsOfFile: repository + "/Tests/MirageTests/Articles/\(test)ArticleTests.swift", encoding: .utf8))
    let blocks = text.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    try #require(blocks.count >= 3)
    for block in blocks.map({ lines($0) }) {
      let isThere = tested.indices.contains { tested[$0...].starts(with: block) }
      #expect(isThere, "\(article): this block is not in \(test)ArticleTests.swift:\n\(block.joined(separator: "\n"))")
    }
  }

  @Test func everyArticleIsListed() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.catalog)
    #expect(Set(files) == Set(Self.articles.keys.map { $0 + ".md" } + ["Mirage.md"]))
  }
}
