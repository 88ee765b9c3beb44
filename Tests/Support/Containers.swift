import MirageSupport

/// A tar archive of these members.
public func tarred(_ members: [(name: String, bytes: [UInt8])]) throws -> [UInt8] {
  try members.flatMap { try TarWriter.member($0.name, $0.bytes) } + TarWriter.end
}

/// The bytes as a gzip file.
public func gzipped(_ bytes: [UInt8]) throws -> [UInt8] {
  let directory = TemporaryDirectory()
  let writer = try GzipWriter(directory.file("gz"), level: 6)
  try writer.append(bytes)
  try writer.close()
  return try InputFile.contents(of: directory.file("gz"))
}

/// Four bytes, the most significant first.
public func bigEndian(_ value: Int) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}
