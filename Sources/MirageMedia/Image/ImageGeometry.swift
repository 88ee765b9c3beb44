/// Geometric operations that move whole pixels, without interpolation.
extension Image {
  /// Returns the image with left and right exchanged.
  public borrowing func flippedHorizontally() -> Image {
    let (source, width, channels) = (pixels, width, channels)
    return Image(height: height, width: width, channels: channels) { buffer in
      source.withUnsafeBufferPointer { source in
        for start in Swift.stride(from: 0, to: buffer.count, by: width * channels) {
          let from = source.baseAddress! + start + (width - 1) * channels
          let to = buffer.baseAddress! + start
          if channels == 3 {
            for x in 0..<width {
              (to[x * 3], to[x * 3 + 1], to[x * 3 + 2]) = (from[-x * 3], from[1 - x * 3], from[2 - x * 3])
            }
          } else {
            for x in 0..<width {
              for c in 0..<channels { to[x * channels + c] = from[c - x * channels] }
            }
          }
        }
      }
    }
  }

  /// Returns the image with top and bottom exchanged.
  public borrowing func flippedVertically() -> Image {
    let (source, stride, height) = (pixels, stride, height)
    return Image(height: height, width: width, channels: channels) { buffer in
      source.withUnsafeBufferPointer { source in
        for y in 0..<height {
          (buffer.baseAddress! + y * stride).update(
            from: source.baseAddress! + (height - 1 - y) * stride, count: stride)
        }
      }
    }
  }

  /// Returns the image with rows and columns exchanged.
  public borrowing func transposed() -> Image {
    let (source, height, width, channels) = (pixels, height, width, channels)
    return Image(height: width, width: height, channels: channels) { buffer in
      source.withUnsafeBufferPointer { source in
        var to = 0
        for x in 0..<width {
          for y in 0..<height {
            let from = (y * width + x) * channels
            for c in 0..<channels { buffer[to + c] = source[from + c] }
            to += channels
          }
        }
      }
    }
  }

  /// Returns the window with its top left corner at (`x`, `y`); `border` determines pixels outside of the image.
  public borrowing func cropped(x: Int, y: Int, width: Int, height: Int, border: Border = .constant([0])) -> Image {
    let (source, channels, stride, sourceHeight, sourceWidth) = (pixels, channels, stride, self.height, self.width)
    let fill = if case .constant(let value) = border { Image.color(value, channels: channels) } else { [UInt8]() }
    let inside = min(width, max(0, -x))..<max(min(width, max(0, -x)), min(width, sourceWidth - x))
    return Image(height: height, width: width, channels: channels) { buffer in
      source.withUnsafeBufferPointer { source in
        for row in 0..<height {
          let out = buffer.baseAddress! + row * width * channels
          let from = border.index(y + row, count: sourceHeight)
          // Columns outside of the image; in a row outside of it, all columns.
          func fillColumns(_ columns: Range<Int>) {
            for column in columns {
              if let from, let fromX = border.index(x + column, count: sourceWidth) {
                for c in 0..<channels { out[column * channels + c] = source[from * stride + fromX * channels + c] }
              } else {
                for c in 0..<channels { out[column * channels + c] = fill[c] }
              }
            }
          }
          guard let from, !inside.isEmpty else {
            fillColumns(0..<width)
            continue
          }
          fillColumns(0..<inside.lowerBound)
          (out + inside.lowerBound * channels).update(
            from: source.baseAddress! + from * stride + (x + inside.lowerBound) * channels,
            count: inside.count * channels)
          fillColumns(inside.upperBound..<width)
        }
      }
    }
  }
}

/// Pixels outside of an image.
public enum Border: Sendable, Equatable {
  /// A color: one value for all channels or a value for each.
  case constant([UInt8])
  /// The nearest pixel of the edge.
  case edge
  /// The image mirrored at its edge pixels, which are not repeated (`dcb|abcd|cba`).
  case reflect

  /// Returns the row or column of the image for an index outside of it; nil for the constant color.
  @inline(__always)
  public func index(_ index: Int, count: Int) -> Int? {
    if index >= 0 && index < count { return index }
    switch self {
    case .constant: return nil
    case .edge: return index < 0 ? 0 : count - 1
    case .reflect:
      if count == 1 { return 0 }
      let period = 2 * (count - 1)
      let folded = ((index % period) + period) % period
      return folded < count ? folded : period - folded
    }
  }
}
