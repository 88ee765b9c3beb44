import Foundation

/// The `mirage` executable that was built beside the tests, run as a process of its own.
public struct CommandLineTool {
  public struct Result {
    public let status: Int32
    public let output: String
    public let errors: String
  }

  public static let path: String = {
    var directory = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    // The test bundle lies beside the executable, or a few folders below.
    for _ in 0..<5 {
      let candidate = directory.appendingPathComponent("mirage").path
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
      directory.deleteLastPathComponent()
    }
    return URL(fileURLWithPath: repository).appendingPathComponent(".build/release/mirage").path
  }()

  /// Starts it with its output caught; `wait` gives the result.
  public static func start(_ arguments: [String], directory: String? = nil, environment: [String: String] = [:]) throws
    -> Running
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    return try Running(process)
  }

  /// Runs it to its end.
  public static func run(_ arguments: String..., directory: String? = nil, environment: [String: String] = [:]) throws
    -> Result
  {
    try start(arguments, directory: directory, environment: environment).wait()
  }

  /// Runs it with standard error on a terminal, and gives what it wrote there.
  public static func runOnTerminal(_ arguments: String..., directory: String) throws -> String {
    var (terminal, side): (Int32, Int32) = (0, 0)
    guard openpty(&terminal, &side, nil, nil, nil) == 0 else { throw CocoaError(.fileReadUnknown) }
    let handle = FileHandle(fileDescriptor: side, closeOnDealloc: true)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    (process.standardOutput, process.standardInput) = (FileHandle.nullDevice, FileHandle.nullDevice)
    process.standardError = handle
    try process.run()
    try handle.close()
    defer { close(terminal) }
    // Reading fails once the process has closed its side.
    var (text, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 4096))
    while case let count = read(terminal, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }

  public final class Running {
    public let process: Process
    private let output = URL(fileURLWithPath: "/tmp/mirage-output-\(UUID().uuidString)")
    private let errors = URL(fileURLWithPath: "/tmp/mirage-errors-\(UUID().uuidString)")

    init(_ process: Process) throws {
      self.process = process
      for url in [output, errors] { try Data().write(to: url) }
      process.standardOutput = try FileHandle(forWritingTo: output)
      process.standardError = try FileHandle(forWritingTo: errors)
      process.standardInput = FileHandle.nullDevice
      try process.run()
    }

    deinit { for url in [output, errors] { try? FileManager.default.removeItem(at: url) } }

    public func wait() throws -> Result {
      process.waitUntilExit()
      // A process that a signal ended has the shell's status, 128 + signal.
      let status = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
      return Result(
        status: status, output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
        errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }
  }
}
