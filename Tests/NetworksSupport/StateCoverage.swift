import Foundation
import MirageNetworks
import MirageTensors
import TestSupport

/// The parameters and buffers that a module stores anywhere, found by reflection, against those that `visit` shows.
public struct StateCoverage {
  /// Where parameters and buffers are stored that `visit` does not show.
  public private(set) var forgotten: [String] = []
  /// Names of parameters and buffers that `visit` shows more than once, or under a name that another one has.
  public private(set) var repeated: [String] = []
  /// Number of parameters and buffers that are stored.
  public private(set) var count = 0
  /// Names of all types that were met.
  public private(set) var types: Set<String> = []

  private var met: Set<ObjectIdentifier> = []

  public init(_ module: any Module) {
    var shown = Shown()
    module.visit(&shown)
    repeated = shown.repeated
    search(module, at: "\(type(of: module))", shown.objects)
  }

  private mutating func search(_ value: Any, at path: String, _ shown: Set<ObjectIdentifier>) {
    // Tensors hold what they were computed from.
    if value is Tensor { return }
    let mirror = Mirror(reflecting: value)
    if mirror.displayStyle == .class, !met.insert(ObjectIdentifier(value as AnyObject)).inserted { return }
    types.insert("\(type(of: value))")
    if value is Parameter || value is Buffer {
      count += 1
      if !shown.contains(ObjectIdentifier(value as AnyObject)) { forgotten.append(path) }
      return
    }
    var part: Mirror? = mirror
    while let level = part {
      for (index, child) in level.children.enumerated() {
        // A tuple's fields without a name are called .0, .1 and so on.
        let name = child.label.map { $0.hasPrefix(".") ? String($0.dropFirst()) : $0 } ?? "\(index)"
        search(child.value, at: "\(path).\(name)", shown)
      }
      part = level.superclassMirror
    }
  }

  private struct Shown: StateVisitor {
    var objects: Set<ObjectIdentifier> = []
    var repeated: [String] = []
    private var names: Set<String> = []
    private var prefix = ""

    mutating func visit(_ parameter: Parameter, _ name: String) { add(parameter, name) }
    mutating func visit(_ buffer: Buffer, _ name: String) { add(buffer, name) }

    mutating func visit(_ module: any Module, _ name: String) {
      let outer = prefix
      prefix += name + "."
      module.visit(&self)
      prefix = outer
    }

    private mutating func add(_ object: AnyObject, _ name: String) {
      let isNew = objects.insert(ObjectIdentifier(object)).inserted
      if !names.insert(prefix + name).inserted || !isNew { repeated.append(prefix + name) }
    }
  }
}

/// The types of a target that are modules with state, by the text of its sources: a new one lacks a case until it has one.
public func modules(declaredIn target: String) throws -> Set<String> {
  let folder = URL(fileURLWithPath: repository).appendingPathComponent("Sources/\(target)")
  let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)!
  let declaration =
    /\b(?:class|struct|enum) (\w+)(?:<.*>)?: .*\b(?!Stateless|RandomNumber)\w*(?:Layer|Module|Generator|Discriminator|Normalization)\b/
  var names: Set<String> = []
  for case let file as URL in files where file.pathExtension == "swift" {
    let text = try String(contentsOf: file, encoding: .utf8)
    for line in text.split(separator: "\n") {
      if let match = line.firstMatch(of: declaration) { names.insert(String(match.1)) }
    }
  }
  return names
}
