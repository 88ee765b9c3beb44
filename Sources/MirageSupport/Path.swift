import Glibc

/// Joins a base directory and a path; an absolute path is returned unchanged. A leading `../` removes the last folder
/// of the base, unless that is a symbolic link, whose parent is elsewhere.
package func joined(_ base: String, _ path: String) -> String {
  if path.hasPrefix("/") || base.isEmpty || base == "." { return path }
  let last = lastComponent(base)
  if path.hasPrefix("../"), last != "..", last != ".", !last.isEmpty, FileKind(base) == .directory,
    !isSymbolicLink(base)
  {
    return joined(parentDirectory(base), String(path.dropFirst(3)))
  }
  return base.hasSuffix("/") ? base + path : base + "/" + path
}

/// Returns the absolute path without symbolic links and dots.
/// - Throws: missing input if there is nothing at the path.
package func resolvedPath(_ path: String) throws -> String {
  guard let resolved = realpath(path, nil) else { throw openingError(path) }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// Returns the number of the file system that holds the path.
/// - Throws: missing input if there is nothing at the path.
package func deviceNumber(of path: String) throws -> UInt64 {
  var status = stat()
  guard stat(path, &status) == 0 else { throw openingError(path) }
  return UInt64(status.st_dev)
}

/// Returns whether the path itself is a symbolic link.
package func isSymbolicLink(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}

/// Returns the part of a path after its last slash.
package func lastComponent(_ path: some StringProtocol) -> String {
  String(path.split(separator: "/").last ?? "")
}

/// Returns the part of a path before its last slash, which is its directory; `.` if there is no slash.
package func parentDirectory(_ path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// Returns the number of free bytes for this user on the file system of a path; nil if it is unknown.
package func freeBytes(at path: String) -> Int? {
  var status = statvfs()
  guard statvfs(path, &status) == 0 else { return nil }
  return Int(status.f_bavail) * Int(status.f_frsize)
}
