import Adversarial
import Foundations
import Media
import Networks
import Tensors

/// Pictures of a generator's samples.
public enum SampleGrid {
  /// A grid on white with a gap between cells; small images are enlarged by a whole number.
  ///
  /// - Parameter cells: row by row, all of one size.
  public static func draw(_ cells: [Image], columns: Int) -> Image {
    let (height, width) = (cells[0].height, cells[0].width)
    let zoom = max(1, 56 / max(height, width))
    let (tall, wide, gap) = (height * zoom, width * zoom, 2)
    let rows = (cells.count + columns - 1) / columns
    var sheet = Image(
      height: rows * (tall + gap) + gap, width: columns * (wide + gap) + gap, channels: 3, fill: [255])
    for (index, cell) in cells.enumerated() {
      let picture = cell.converted(to: .rgb).resized(height: tall, width: wide, interpolation: .nearest)
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      for y in 0..<tall {
        let to = ((gap + row * (tall + gap) + y) * sheet.width + gap + column * (wide + gap)) * 3
        sheet.pixels.replaceSubrange(
          to..<to + picture.stride, with: picture.pixels[y * picture.stride..<(y + 1) * picture.stride])
      }
    }
    return sheet
  }
}

/// -1 ... 1 as a byte, rounded.
private func byte(_ value: Float) -> Float { max(0, min(255, ((value + 1) * 127.5).rounded())) }

extension Tensor {
  /// N × H × W × C in -1 ... 1 as images of bytes, rounded.
  func images() -> [Image] {
    let (height, width, channels) = (shape[1], shape[2], shape[3])
    let size = height * width * channels
    return withValues { values in
      (0..<shape[0]).map { index in
        Image(height: height, width: width, channels: channels) { buffer in
          for place in 0..<size {
            buffer[place] = UInt8(byte(values[index * size + place]))
          }
        }
      }
    }
  }

  /// The same numbers as images of bytes give back.
  func roundedToBytes() -> Tensor {
    Tensor(values.map { byte($0) * (2 / 255) - 1 }, shape: shape)
  }
}
