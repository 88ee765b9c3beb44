import Foundation
import TestSupport
import Testing

/// Every Swift block in README.md and the articles is code that is compiled here and, for the articles, run. A package
/// of its own, Examples/OwnAugmentation, compiles the same files: what they use is public.
@Suite struct ArticleTests {
  static let catalog = repository + "/Sources/Mirage/Mirage.docc"
  /// Articles by the file that holds their code.
  static let articles = [
    "FlowArticle": catalog + "/AFlow.md", "StageArticle": catalog + "/AStageOfYourOwn.md",
    "ModelArticle": catalog + "/AModelOfYourOwn.md", "ReadmeArticle": repository + "/README.md",
  ]

  /// Lines without their indentation; empty ones and imports are left out.
  private func lines(_ text: String) -> [String] {
    text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
  }

  @Test(arguments: articles) func codeIsCompiled(test: String, article: String) throws {
    let path = repository + "/Tests/MirageTests/Articles/\(test).swift"
    let compiled = lines(try String(contentsOfFile: path, encoding: .utf8))
    let text = try String(contentsOfFile: article, encoding: .utf8)
    let blocks = text.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    #expect(blocks.count >= 2)
    for block in blocks {
      let wanted = lines(block)
      #expect(
        compiled.indices.contains { compiled[$0...].starts(with: wanted) }, "a block of \(article) is not in \(path)")
    }
  }

  @Test func everyArticleIsListed() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.catalog).filter { $0 != "Mirage.md" }
    #expect(files.allSatisfy { Self.articles.values.contains("\(Self.catalog)/\($0)") })
  }
}
