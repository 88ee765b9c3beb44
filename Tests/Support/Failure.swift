import MirageSupport

/// The error that `body` throws, which must be a `MirageError`.
public func failure(_ body: () async throws -> Void) async throws -> MirageError {
  do {
    try await body()
  } catch let error as MirageError {
    return error
  }
  throw MirageError.badData("no error was thrown")
}
