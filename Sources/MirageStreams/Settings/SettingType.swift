import MirageMedia
import MirageSupport

/// The type of a setting's value, with its range.
public enum SettingType: Sendable {
  case integer(ClosedRange<Int>)
  /// One of a few whole numbers.
  case integers([Int])
  case number(ClosedRange<Double>)
  case boolean
  case string
  case choice([String])
  /// A list of different names from a few; one name means a list of one.
  case choices([String])
  /// A file or directory, relative to the pipeline file.
  case path
  /// `[low, high]`; one number means both.
  case integerRange(ClosedRange<Int>)
  /// `[low, high]`; one number v means `[v, v]`, or `[-v, v]` if it is symmetric.
  case numberRange(ClosedRange<Double>, symmetric: Bool = false)
  /// A list of numbers; one number means a list of one.
  case numbers(ClosedRange<Double>, count: ClosedRange<Int>)
  case strings
  /// `[height, width]` in pixels; n means `[n, n]`.
  case size
  /// `[left, top, right, bottom]`, in pixels; n means all four and `[x, y]` for `[x, y, x, y]`.
  case padding
  /// A byte for all channels, or a list of one for each.
  case color
  /// Another component.
  case component([ComponentKind])
  /// A list of other components.
  case components([ComponentKind])
  /// A group of settings.
  case group([Setting])

  /// Returns the type of one of an enumeration's cases.
  public static func choice<Choice: CaseIterable & RawRepresentable<String>>(_ type: Choice.Type) -> SettingType {
    .choice(type.allCases.map(\.rawValue))
  }

  /// Returns the type of a list of different cases of an enumeration.
  public static func choices<Choice: CaseIterable & RawRepresentable<String>>(_ type: Choice.Type) -> SettingType {
    .choices(type.allCases.map(\.rawValue))
  }

  /// The type in words.
  package var text: String {
    switch self {
    case .integer(let range): "whole number \(bounds(range))"
    case .integers(let values): values.map(String.init).joined(separator: " | ")
    case .number(let range): "number \(bounds(range))"
    case .boolean: "true or false"
    case .string: "text"
    case .choice(let names): names.joined(separator: " | ")
    case .choices(let names): "list of \(names.joined(separator: " | "))"
    case .path: "path"
    case .integerRange(let range): "[low, high] of whole numbers \(bounds(range))"
    case .numberRange(let range, let symmetric): "[low, high] \(bounds(range))" + (symmetric ? "; v means [-v, v]" : "")
    case .numbers(let range, let count):
      "list of \(count.count == 1 ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)") numbers \(bounds(range))"
    case .strings: "list of texts"
    case .size: "[height, width], or one number for both"
    case .padding: "[left, top, right, bottom], [x, y], or one number"
    case .color: "byte, or a list of one for each channel"
    case .component(let kinds): kinds.map(\.rawValue).joined(separator: " or ")
    case .components(let kinds): "list of \(kinds.map { $0.rawValue + "s" }.joined(separator: " or "))"
    case .group: "group of settings"
    }
  }

  fileprivate var article: String {
    switch self {
    case .integer, .number, .path, .choices, .strings, .color: "a "
    case .integers: "one of "
    default: ""
    }
  }
}

extension Setting {
  /// A problem with a value.
  package struct Problem {
    package let message: String
    /// Index of the wrong item in a list.
    package var item: Int?
    package var remedy: String?
  }

  /// Problem of a value that is not of the setting's type at all.
  package var mismatch: Problem {
    if case .choice(let names) = type {
      return Problem(message: "\(key) must be one of \(names.joined(separator: ", "))")
    }
    return Problem(message: "\(key) must be \(type.article)\(type.text)")
  }

  /// Returns the problem with a value in its full form; nil if it is valid. Components and groups are not checked here.
  package func problem(in value: JSONValue) -> Problem? {
    func integer(_ value: JSONValue, _ range: ClosedRange<Int>) -> Problem? {
      guard case .integer(let number) = value else { return mismatch }
      return range.contains(number) ? nil : Problem(message: "\(key) must be \(bounds(range)), not \(number)")
    }
    func number(_ value: JSONValue, _ range: ClosedRange<Double>) -> Problem? {
      guard let number = value.double else { return mismatch }
      return range.contains(number) ? nil : Problem(message: "\(key) must be \(bounds(range)), not \(value.text)")
    }
    func choice(_ value: JSONValue, _ names: [String]) -> Problem? {
      guard case .string(let name) = value else { return mismatch }
      if names.contains(name) { return nil }
      return Problem(
        message: "\(key) must be one of \(names.joined(separator: ", "))",
        remedy: nearest(to: name, among: names).map { "Did you mean \($0)?" })
    }
    func text(_ value: JSONValue) -> Problem? { if case .string = value { nil } else { mismatch } }
    func items(_ count: ClosedRange<Int>, _ check: (JSONValue) -> Problem?) -> Problem? {
      guard case .array(let items) = value, count.contains(items.count) else { return mismatch }
      // Items are checked from the end: if one number means both bounds, the upper bound is the number as written.
      for index in items.indices.reversed() {
        guard var problem = check(items[index]) else { continue }
        problem.item = index
        return problem
      }
      return nil
    }
    func ordered() -> Problem? {
      guard case .array(let ends) = value, ends[0].double! > ends[1].double! else { return nil }
      return Problem(message: "\(key): the lower bound comes first")
    }
    switch type {
    case .integer(let range): return integer(value, range)
    case .integers(let values): return values.contains { value == .integer($0) } ? nil : mismatch
    case .number(let range): return number(value, range)
    case .boolean: return if case .bool = value { nil } else { mismatch }
    case .string: return text(value)
    case .path: return value == "" ? mismatch : text(value)
    case .choice(let names): return choice(value, names)
    case .choices(let names):
      var seen: [JSONValue] = []
      if let problem = items(0...100_000, { choice($0, names) }) { return problem }
      guard case .array(let items) = value else { return mismatch }
      for (index, item) in items.enumerated() {
        if case .string(let name) = item, seen.contains(item) {
          return Problem(message: "\(key) holds \(name) twice", item: index)
        }
        seen.append(item)
      }
      return nil
    case .integerRange(let range): return items(2...2) { integer($0, range) } ?? ordered()
    case .numberRange(let range, _): return items(2...2) { number($0, range) } ?? ordered()
    case .numbers(let range, let count): return items(count) { number($0, range) }
    case .strings: return items(0...100_000) { text($0) }
    case .size: return items(2...2) { integer($0, 1...Image.sideLimit) }
    case .padding: return items(4...4) { integer($0, 0...Image.sideLimit) }
    case .color: return items(1...4) { integer($0, 0...255) }
    case .component, .components, .group: return nil
    }
  }
}

/// Returns the bounds of a number in words.
private func bounds(_ range: ClosedRange<Int>) -> String {
  switch (range.lowerBound, range.upperBound) {
  case (.min, .max): "of any size"
  case (let low, .max): "of at least \(low)"
  case (let low, let high): "from \(low) to \(high)"
  }
}

private func bounds(_ range: ClosedRange<Double>) -> String {
  let (low, high) = (JSONValue.number(range.lowerBound).text, JSONValue.number(range.upperBound).text)
  if range.lowerBound == -.infinity { return range.upperBound == .infinity ? "of any size" : "of at most \(high)" }
  return range.upperBound == .infinity ? "of at least \(low)" : "from \(low) to \(high)"
}
