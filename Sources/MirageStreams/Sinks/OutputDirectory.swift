import MirageSupport

/// Output of a run, for the sink to open.
public struct OutputPlan {
  package let dataset: DatasetInfo
  package let output: OutputDirectory

  public init(dataset: DatasetInfo, output: OutputDirectory) { (self.dataset, self.output) = (dataset, output) }
}

/// Treatment of output that is already there.
public enum ExistingOutput: Sendable {
  /// It is an error.
  case refuse
  /// An interrupted run is continued; a finished one is left as it is.
  case resume
  /// It is replaced, once the new one is complete.
  case overwrite
}

/// A dataset's directory while it is written: everything goes to `<directory>.partial` and takes its name at the end.
///
/// A journal there says up to which position everything is safely on the disk, and how long each file was then. A run
/// that resumes cuts the files to these lengths and goes on, so the finished output is byte for byte that of a run that
/// was never interrupted. States, in order, and what resuming does after a crash in each:
/// 1. `partial/journal.json` says `finished: false`: go on at its position.
/// 2. It says `finished: true`: move `partial/data` to its place (again), remove `partial`.
/// 3. `partial` is gone: nothing is left to do.
public final class OutputDirectory {
  /// Final location of the dataset.
  public let directory: String
  /// Directory that the dataset's files are written to.
  package let data: String
  /// Directory for files that do not become part of the dataset.
  package let work: String
  /// State of the run: position and file lengths to go on from.
  public private(set) var journal: Journal
  /// Whether an earlier run wrote all of this output.
  public private(set) var isComplete = false

  private let partial: String
  private let existing: ExistingOutput
  private let shared: [String]?
  private var lock: FileLock?

  /// Opens the output for a run.
  ///
  /// - Parameters:
  ///   - key: everything that decides the output's bytes; a run continues only one with an equal key.
  ///   - start: the first position.
  ///   - shared: the names of the sink's files, where others may stand beside them.
  /// - Throws: cannot-create if something is there that may not be replaced, or another run is writing; bad data
  ///   naming the field, where the interrupted run was another one.
  public init(
    _ directory: String, key: JSONValue, start: Int, existing: ExistingOutput, shared: [String]?
  ) throws {
    var directory = directory
    while directory.count > 1 && directory.hasSuffix("/") { directory.removeLast() }
    directory = try Self.movable(directory)
    (self.directory, self.existing, self.shared) = (directory, existing, shared)
    partial = directory + ".partial"
    data = partial + "/data"
    work = partial + "/work"
    journal = Journal(key: key, position: start)
    let isUnfinished = FileKind(partial) != .missing
    let journalPath = partial + "/journal.json"
    switch existing {
    case .refuse:
      if isUnfinished {
        throw MirageError(
          .cannotCreate, "an earlier run did not finish here", file: partial,
          remedy: "Continue it with --resume, or start again with --overwrite.")
      }
      if let there = try conflicting() {
        throw MirageError(
          .cannotCreate, "exists already", file: there,
          remedy: "Choose another --output, or replace it with --overwrite.")
      }
    case .resume:
      // A finished output, even where a crash left the rest of `partial` behind: the journal goes last.
      if FileKind(journalPath) == .missing, try conflicting() != nil {
        try checkFinished(key)
        if isUnfinished {
          try checkPartial()
          lock = try FileLock(partial + "/lock")
          try removeTree(partial)
          lock = nil
        }
        isComplete = true
        return
      }
    case .overwrite: try checkReplaceable(key)
    }
    if isUnfinished { try checkPartial() }
    try makeDirectories(partial)
    lock = try FileLock(partial + "/lock")
    if existing == .resume, FileKind(journalPath) == .file {
      journal = try Journal(from: InputFile.contents(of: journalPath), file: journalPath)
      try check(journal.key, against: key, file: journalPath)
      // What came to stand here meanwhile must not be replaced, unless the data itself is moving in already.
      let isMoving = journal.isFinished && (shared != nil || FileKind(data) == .missing)
      if !isMoving { try checkReplaceable(key) }
    } else {
      try removeTree(data)
      try removeTree(work)
      try removeTree(journalPath)
      try makeDirectories(work)
      try makeDirectories(data)
      try save()
    }
  }

  /// The directory that a finished one can take the place of: where a symbolic link leads, and never one that cannot be
  /// renamed.
  private static func movable(_ directory: String) throws -> String {
    guard FileKind(directory) == .directory else { return directory }
    let place = try resolvedPath(directory)
    guard place != "/", place != (try resolvedPath(".")),
      try deviceNumber(of: place) == deviceNumber(of: parentDirectory(place))
    else {
      throw MirageError(
        .cannotCreate, "is the current directory or the root of a file system, which cannot be replaced by the output",
        file: directory, remedy: "Choose a folder in it.")
    }
    return isSymbolicLink(directory) ? place : directory
  }

  /// The name of the report beside the data.
  public static let reportName = "mirage.json"

  /// What of the output is there already.
  private func conflicting() throws -> String? {
    if let shared, FileKind(directory) != .file {
      return shared.map { directory + "/" + $0 }.first { FileKind($0) != .missing }
    }
    switch FileKind(directory) {
    case .missing: return nil
    case .file: return directory
    case .directory: return try directoryEntries(directory).isEmpty ? nil : directory
    }
  }

  /// What the report there says of the run that wrote what this one is to write; nil if no run did.
  private func report(_ key: JSONValue) -> JSONValue? {
    let report = try? JSONValue(parsing: InputFile.contents(of: directory + "/" + Self.reportName))
    return shared == nil ? report : key["split"].flatMap { report?["splits"]?[$0.plain] }
  }

  /// - Throws: bad data if the finished output was made by another run than this.
  private func checkFinished(_ key: JSONValue) throws {
    guard let report = report(key), let before = report["run"], case .object(var now) = key else {
      throw MirageError(.cannotCreate, "exists already, and is not the output of a run", file: try conflicting())
    }
    now["stamps"] = nil
    now["split"] = nil
    try check(before, against: .object(now), file: directory + "/" + Self.reportName)
    journal.counts = SampleCounts(report: report)
  }

  /// - Throws: cannot-create if something stands here that this tool did not write.
  private func checkReplaceable(_ key: JSONValue) throws {
    guard let there = try conflicting(), report(key)?["run"] == nil else { return }
    throw MirageError(
      .cannotCreate, "no \(Self.reportName) tells of it, so this tool did not write it and will not remove it",
      file: there, remedy: "Remove it yourself, or choose another --output.")
  }

  /// - Throws: cannot-create if the partial directory holds what no run put there.
  private func checkPartial() throws {
    let own = ["data", "journal.json", "journal.json.tmp", "lock", "work"]
    if FileKind(partial) == .directory, try directoryEntries(partial).allSatisfy(own.contains) { return }
    throw MirageError(
      .cannotCreate, "is not what an interrupted run left", file: partial,
      remedy: "Remove it yourself, or choose another --output.")
  }

  private func check(_ before: JSONValue, against key: JSONValue, file: String) throws {
    guard let found = Fingerprint.Difference(before, key) else { return }
    throw MirageError(
      .badData, "the run to be resumed was another one: \(found.path) was \(found.before), and is \(found.now) now",
      file: file,
      remedy: "Run it as it was, or start again with --overwrite.")
  }

  /// Marks everything up to `journal.position` as safely written: first the data, then the journal.
  public func checkpoint(_ change: (inout Journal) throws -> Void) throws {
    try change(&journal)
    try syncFileSystem(of: partial)
    try save()
  }

  private func save() throws { try OutputFile.replace(partial + "/journal.json", with: journal.json.text.utf8) }

  private func merge(_ source: String, into destination: String) throws {
    for name in try directoryEntries(source) {
      let (from, to) = (source + "/" + name, destination + "/" + name)
      if FileKind(from) == .directory && FileKind(to) == .directory {
        try merge(from, into: to)
      } else {
        try moveFile(from, to: to)
      }
    }
  }

  /// Gives the finished data its name.
  public func commit() throws {
    if !journal.isFinished { try checkpoint { $0.isFinished = true } }
    if FileKind(data) == .directory {
      try makeDirectories(parentDirectory(directory))
      if shared != nil {
        try makeDirectories(directory)
        try merge(data, into: directory)
      } else {
        if FileKind(directory) != .missing {
          let replaced = work + "/replaced"
          try removeTree(replaced)
          try makeDirectories(work)
          try moveFile(directory, to: replaced)
        }
        try moveFile(data, to: directory)
      }
      try syncFileSystem(of: parentDirectory(directory))
    }
    // The journal stays until all else is gone, so that resuming comes back here.
    try removeTree(work)
    try removeTree(partial)
    lock = nil
  }
}

/// How far a run has come, as it stands on the disk.
public struct Journal: Sendable {
  /// Everything that decides the output's bytes.
  package var key: JSONValue
  /// The next position.
  package var position: Int
  package var counts = SampleCounts()
  /// The lengths of the files that grow, by their paths in the partial directory.
  public var files: [String: Int] = [:]
  package var isFinished = false

  public init(key: JSONValue, position: Int) { (self.key, self.position) = (key, position) }

  var json: JSONValue {
    get throws {
      [
        "key": key, "position": .integer(position), "finished": .bool(isFinished),
        "files": .object(files.mapValues { .integer($0) }), "tally": try JSONValue(encoding: counts),
      ]
    }
  }

  init(from bytes: [UInt8], file: String) throws {
    let json = try? JSONValue(parsing: bytes)
    guard let json, let key = json["key"], case .integer(let position)? = json["position"],
      case .bool(let finished)? = json["finished"], case .object(let files)? = json["files"],
      let counts = try? json["tally"]?.decoded(as: SampleCounts.self)
    else {
      throw MirageError.badData("is damaged", file: file, remedy: "Start again with --overwrite.")
    }
    self.init(key: key, position: position)
    self.files = files.compactMapValues { if case .integer(let length) = $0 { length } else { nil } }
    self.counts = counts
    isFinished = finished
  }
}

/// Counts of the samples that a run wrote and left out.
public struct SampleCounts: Sendable, Codable, Equatable {
  /// Samples written, of every class and kind.
  public var written = 0
  /// Written samples by class name; those without a class do not count here.
  public var classes: [String: Int] = [:]
  /// Written samples by kind: original, augmented or synthetic.
  public var kinds: [String: Int] = [:]
  /// The samples left out by the error policy, in order.
  public var skipped: [Skipped] = []

  /// A sample that was left out.
  public struct Skipped: Sendable, Codable, Equatable {
    /// Identifier of the sample.
    public var sample: String
    /// Why it was left out.
    public var reason: String
  }

  public init() {}

  /// What a report says of a run that has finished.
  init(report: JSONValue) {
    func counts(_ field: String) -> [String: Int] {
      (try? report["counts"]?[field]?.decoded(as: [String: Int].self)) ?? [:]
    }
    classes = counts("classes")
    kinds = counts("kinds")
    skipped = (try? report["skipped"]?.decoded(as: [Skipped].self)) ?? []
    // Every written sample is of one kind.
    written = kinds.values.reduce(0, +)
  }

  /// The fields that a report has of this.
  var report: [String: JSONValue] {
    get throws {
      let counts: JSONValue = [
        "written": .integer(written), "classes": .object(classes.mapValues { .integer($0) }),
        "kinds": .object(kinds.mapValues { .integer($0) }), "skipped": .integer(skipped.count),
      ]
      return ["counts": counts, "skipped": try JSONValue(encoding: skipped)]
    }
  }
}

extension JSONValue {
  var plain: String { if case .string(let text) = self { text } else { text } }
}
