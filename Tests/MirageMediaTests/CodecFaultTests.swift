import MirageSupport
import MirageMedia
import TestSupport
import Testing

/// Damaged images: an error each, never a crash, and never a picture that is not in the file.
@Suite struct CodecFaultTests {
  static let picture = Image(height: 19, width: 23, channels: 3) { pixels in
    for place in pixels.indices { pixels[place] = UInt8(truncatingIfNeeded: place &* 13 &+ place / 69 &* 5) }
  }

  private func fails(_ bytes: [UInt8], _ what: Comment, says: String = "") {
    let error = #expect(throws: MirageError.self, what) { try Image(decoding: bytes) }
    #expect(error?.kind == .badData, what)
    #expect(says.isEmpty || error?.message.contains(says) == true, "\(what): \(error?.message ?? "nothing")")
  }

  @Test func neither() {
    fails([], "empty", says: "empty")
    fails(Array("GIF89a".utf8), "GIF", says: "neither")
    fails([UInt8](repeating: 0, count: 100), "zeros", says: "neither")
  }

  /// A PNG file of given chunks, their check sums right.
  private func png(_ chunks: [(type: String, content: [UInt8])]) -> [UInt8] {
    PNG.signature
      + chunks.flatMap { type, content in
        bigEndian(content.count) + Array(type.utf8) + content
          + bigEndian(Int(crc32(Array(type.utf8) + content)))
      }
  }

  private func header(_ width: Int, _ height: Int, depth: UInt8 = 8, type: UInt8 = 2, interlacing: UInt8 = 0) -> [UInt8]
  {
    bigEndian(width) + bigEndian(height) + [depth, type, 0, 0, interlacing]
  }

  @Test func truncatedPNG() throws {
    let bytes = try PNG.encode(Self.picture)
    for count in 1..<bytes.count { fails(Array(bytes[..<count]), "PNG cut at \(count)") }
  }

  /// Every byte of a PNG file is under its signature or a check sum; lengths lead to the wrong place.
  @Test func corruptPNG() throws {
    let bytes = try PNG.encode(Self.picture)
    for place in bytes.indices {
      var damaged = bytes
      damaged[place] ^= 0x20
      let image = try? Image(decoding: damaged)
      // A type made private or ancillary by its letters' case is passed over, which loses nothing.
      #expect(image == nil || image == Self.picture, "byte \(place)")
    }
    var damaged = bytes
    damaged[bytes.count / 2] ^= 1  // in the pixels
    fails(damaged, "IDAT", says: "IDAT")
    damaged = bytes
    damaged[29] ^= 1
    fails(damaged, "IHDR", says: "CRC")
  }

  @Test(
    arguments: [
      (0, 5, 8, 2), (5, 0, 8, 2), (100_000, 100_000, 8, 2), (65_536, 1, 8, 0), (1, 65_536, 8, 0),
      (65_535, 65_535, 8, 6),
      (0xFFFF_FFFF, 0xFFFF_FFFF, 16, 6), (0x7FFF_FFFF, 0x7FFF_FFFF, 8, 2), (5, 5, 3, 2), (5, 5, 8, 7), (5, 5, 16, 3),
    ] as [(Int, Int, UInt8, UInt8)]) func headerOfPNG(_ width: Int, _ height: Int, _ depth: UInt8, _ type: UInt8) throws
  {
    fails(
      png([
        ("IHDR", header(width, height, depth: depth, type: type)), ("IDAT", [0x78, 0x9C, 3, 0, 0, 0, 0, 1]),
        ("IEND", []),
      ]),
      "\(width) x \(height), depth \(depth), type \(type)")
  }

  @Test func chunksOfPNG() throws {
    let empty: [UInt8] = [0x78, 0x9C, 3, 0, 0, 0, 0, 1]  // zlib data of no bytes
    for (what, chunks) in [
      ("nothing but its signature", []), ("no header", [("IDAT", empty), ("IEND", [])]),
      ("no pixels", [("IHDR", header(5, 5)), ("IEND", [])]),
      ("too few pixels", [("IHDR", header(5, 5)), ("IDAT", empty), ("IEND", [])]),
      ("pixels that are no zlib data", [("IHDR", header(5, 5)), ("IDAT", [1, 2, 3, 4, 5]), ("IEND", [])]),
      ("a palette image without palette", [("IHDR", header(5, 5, type: 3)), ("IDAT", empty), ("IEND", [])]),
      ("a short header", [("IHDR", [0, 0, 0, 5]), ("IDAT", empty), ("IEND", [])]),
      ("an unknown interlacing", [("IHDR", header(5, 5, interlacing: 2)), ("IDAT", empty), ("IEND", [])]),
      ("an unknown critical chunk", [("IHDR", header(5, 5)), ("ABCD", [1]), ("IEND", [])]),
    ] as [(String, [(String, [UInt8])])] {
      fails(png(chunks), "\(what)")
    }
    let long = PNG.signature + [255, 255, 255, 255] + Array("IHDR".utf8) + [UInt8](repeating: 0, count: 50)
    fails(long, "a chunk of 4 GB")
  }

  @Test func truncatedJPEG() throws {
    for bytes in [try JPEG.encode(Self.picture), try file("rgb-progressive.jpg"), try file("cmyk.jpg")] {
      let step = max(1, bytes.count / 400)
      for count in Array(stride(from: 1, to: bytes.count, by: step)) + [bytes.count - 2, bytes.count - 1] {
        fails(Array(bytes[..<count]), "JPEG cut at \(count) of \(bytes.count)")
      }
    }
  }

  /// A JPEG file has no check sums, so damage need not show; it must only do no harm.
  @Test func corruptJPEG() throws {
    for bytes in [try JPEG.encode(Self.picture), try file("rgb-progressive.jpg"), try file("orientation-6.jpg")] {
      for place in bytes.indices {
        for mask in [0x01, 0x80, 0xFF] as [UInt8] {
          var damaged = bytes
          damaged[place] ^= mask
          do { _ = try Image(decoding: damaged) } catch { #expect(error is MirageError) }
        }
      }
    }
  }

  @Test func headerOfJPEG() throws {
    let bytes = try JPEG.encode(Self.picture)
    let frame = try #require(bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    for (height, width) in [(0, 23), (19, 0), (0xFFFF, 0xFFFF), (40_000, 40_000)] {
      var damaged = bytes
      damaged.replaceSubrange(
        frame + 5..<frame + 9,
        with: [UInt8(height >> 8), UInt8(height & 0xFF), UInt8(width >> 8), UInt8(width & 0xFF)])
      fails(damaged, "\(width) x \(height)")
    }
    fails([0xFF, 0xD8, 0xFF], "a start alone")
    fails([0xFF, 0xD8, 0xFF, 0xD9], "no picture")
    // The start of the scan, where the pixels' tables are named.
    let scan = try #require(bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xDA })
    var damaged = bytes
    damaged[scan + 6] = 0x33
    fails(damaged, "a table that is not there")
  }

  /// A small file can ask for the whole picture to be gone over again and again.
  @Test func endlessScansOfJPEG() throws {
    let bytes = try file("rgb-progressive.jpg")
    let scans = bytes.indices.dropLast().filter { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xDA }
    let repeated = repeatElement(bytes[scans[1]..<scans[2]], count: 600).flatMap(\.self)
    fails(bytes[..<scans[1]] + repeated + bytes[scans[2]...], "600 scans", says: "500 scans")
  }

  /// One bad file among good ones is one error.
  @Test func goodFilesAfterBadOnes() throws {
    let good = try JPEG.encode(Self.picture)
    let expected = try Image(decoding: good)
    for count in 3..<good.count {
      _ = try? Image(decoding: Array(good[..<count]))
      #expect(try Image(decoding: good) == expected, "after one that was cut at \(count)")
    }
  }

  /// The orientation is a help, not a part of the picture: where it is damaged, the image stays as it is.
  @Test func damagedOrientation() throws {
    let bytes = try file("orientation-6.jpg")
    let tag = try #require(bytes.firstRange(of: Array("Exif\0\0".utf8)))
    let upright = try Image(decoding: bytes)
    // The TIFF header and a directory of one entry.
    for place in tag.upperBound..<tag.upperBound + 26 {
      for value in [0, 0x7F, 0xFF] as [UInt8] {
        var damaged = bytes
        damaged[place] = value
        let image = try Image(decoding: damaged)
        #expect(image.pixels.count == upright.pixels.count)
      }
    }
  }

  private func file(_ name: String) throws -> [UInt8] {
    try InputFile.contents(of: repository + "/Tests/Golden/codecs/" + name)
  }
}
