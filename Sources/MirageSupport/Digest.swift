import CMedia

/// SHA-256, computed by libcrypto of OpenSSL.
package enum Digest {
  /// Returns the digest of bytes, as 64 hexadecimal digits.
  package static func sha256(_ bytes: some Sequence<UInt8>) -> String {
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    let bytes = Array(bytes)
    precondition(EVP_Digest(bytes, bytes.count, &result, &length, EVP_sha256(), nil) == 1, "SHA-256 is not available")
    return hexadecimal(result.prefix(Int(length)))
  }

  /// Returns the digest of a file's stored bytes, as 64 hexadecimal digits; a compressed file is not unpacked.
  /// - Throws: missing input; an I/O error; `CancellationError`.
  package static func sha256(file path: String) throws -> String {
    let file = try InputFile(path)
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "SHA-256 is not available")
    var offset = 0
    while offset < file.size {
      try Task.checkCancellation()
      let part = try file.read(at: offset, count: min(1 << 20, file.size - offset))
      EVP_DigestUpdate(context, part, part.count)
      offset += part.count
    }
    var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    EVP_DigestFinal_ex(context, &result, &length)
    return hexadecimal(result.prefix(Int(length)))
  }
}

private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef")
  return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
