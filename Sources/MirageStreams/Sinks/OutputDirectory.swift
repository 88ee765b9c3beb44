import MirageSupport

/// Dataset and output directory of a run, for the sink to open.
public struct OutputPlan {
  package let dataset: DatasetInfo
  package let output: OutputDirectory

  public init(dataset: DatasetInfo, output: OutputDirectory) { (self.dataset, self.output) = (dataset, output) }
}

/// Treatment of output that is already there.
public enum ExistingOutput: Sendable {
  /// Fails if there is output.
  case refuse
  /// Continues an interrupted run; leaves a finished one as it is.
  case resume
  /// Replaces the output once the new one is complete.
  case overwrite
}

/// A dataset's directory while it is written: everything goes to `<directory>.partial` and is moved at the end.
///
/// A journal there holds the position up to which everything is safely on the disk, and the length of each file then. A
/// resumed run truncates the files to these lengths and continues, so the finished output is byte for byte that of a
/// run that was never interrupted. States, in order, and actions of a resumed run after a crash in each:
/// 1. `partial/journal.json` says `finished: false`: continue at its position.
/// 2. It says `finished: true`: move `partial/data` to its place (again), remove `partial`.
/// 3. `partial` is gone: nothing is left to do.
public final class OutputDirectory {
  /// Final location of the dataset.
  public let directory: String
  /// Directory that the dataset's files are written to.
  package let data: String
  /// Directory for files that do not become part of the dataset.
  package let work: String
  /// State of the run: position and file lengths to continue from.
  public private(set) var journal: Journal
  /// True if an earlier run wrote all of this output.
  public private(set) var isComplete = false

  private let partial: String
  private let existing: ExistingOutput
  private let shared: [String]?
  private var lock: FileLock?

  /// Opens the output for a run.
  ///
  /// - Parameters:
  ///   - directory: final location of the dataset.
  ///   - key: everything that determines the output's bytes; a run continues only one with an equal key.
  ///   - start: first position.
  ///   - existing: treatment of output that is already there.
  ///   - shared: names of the sink's files if others may be beside them; nil if the sink uses the directory alone.
  /// - Throws: cannot-create if something is there that may not be replaced, or another run is writing; bad data
  ///   naming the field if the interrupted run was another one.
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
      // Output without a journal is finished, even if a crash left the rest of `partial`.
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
      // Output that others wrote meanwhile must not be replaced; this run's own may be moving in already.
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

  /// Returns the directory that the finished one can replace: the target of a symbolic link, and never one that cannot
  /// be renamed.
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

  /// Name of the report beside the data.
  public static let reportName = "mirage.json"

  /// Returns the path of output that is already there; nil if there is none.
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

  /// Returns the report of the run that wrote the same output, or the same split of it; nil if there is none.
  private func report(_ key: JSONValue) -> JSONValue? {
    let report = try? JSONValue(parsing: InputFile.contents(of: directory + "/" + Self.reportName))
    return shared == nil ? report : key["split"].flatMap { report?["splits"]?[$0.plain] }
  }

  /// Checks that the finished output was made by an equal run, and takes over its counts.
  private func checkFinished(_ key: JSONValue) throws {
    guard let report = report(key), let before = report["run"], case .object(var now) = key else {
      throw MirageError(.cannotCreate, "exists already, and is not the output of a run", file: try conflicting())
    }
    now["stamps"] = nil
    now["split"] = nil
    try check(before, against: .object(now), file: directory + "/" + Self.reportName)
    journal.counts = SampleCounts(report: report)
  }

  /// Checks that output that is already there was written by this tool.
  private func checkReplaceable(_ key: JSONValue) throws {
    guard let there = try conflicting(), report(key)?["run"] == nil else { return }
    throw MirageError(
      .cannotCreate, "no \(Self.reportName) tells of it, so this tool did not write it and will not remove it",
      file: there, remedy: "Remove it yourself, or choose another --output.")
  }

  /// Checks that the partial directory holds only files of a run.
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

  /// Moves the finished data to its final location.
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
    // The journal stays until all else is done, so that a resumed run comes back here.
    try removeTree(work)
    try removeTree(partial)
    lock = nil
  }
}

/// State of a run, as saved on the disk.
public struct Journal: Sendable {
  /// Everything that determines the output's bytes.
  package var key: JSONValue
  /// Next position.
  package var position: Int
  package var counts = SampleCounts()
  /// Lengths of the files that grow, in bytes, by the names that the sink gives them.
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
  /// Number of samples written.
  public var written = 0
  /// Number of written samples by class name; samples without a class are not counted here.
  public var classes: [String: Int] = [:]
  /// Number of written samples by kind: real, augmented or synthetic.
  public var kinds: [String: Int] = [:]
  /// Samples left out by the error policy, in order.
  public var skipped: [Skipped] = []

  /// A sample that was left out.
  public struct Skipped: Sendable, Codable, Equatable {
    /// Identifier of the sample.
    public var sample: String
    /// Message of the failure.
    public var reason: String
  }

  public init() {}

  /// Reads the counts in the report of a finished run.
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

  /// The counts as fields of a report.
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
