import MirageMedia
import MirageStreams
import MirageSupport
import MirageTensors

/// Conversion between a sample's content and a row of a tensor, in both directions.
public protocol SampleCoding: Sendable {
  /// Format of the encoded samples.
  var format: Format { get }
  /// Shape of a row, without the axis of samples.
  var shape: [Int] { get }
  /// Appends the values of a sample to a row.
  /// - Precondition: the sample has the coding's format, which the caller has checked.
  func append(_ sample: Sample, to row: inout [Float])
  /// Returns the contents of rows, N × `shape`.
  func contents(_ rows: Tensor) -> [Sample.Content]
  /// Returns the rows with the precision that they have as content, such as the steps of bytes.
  func quantized(_ rows: Tensor) -> Tensor
}

/// Coding of images as rows of height × width × channels: bytes as -1 ... 1, floats unchanged.
public struct ImageCoding: SampleCoding, Equatable {
  public let format: Format
  /// Maps from bytes to the floats of the flow, one per channel; nil for rows of bytes.
  public let maps: [ScaledImage.AffineMap]?

  /// Creates a coding of images of a size, with a map per channel for rows of floats, or nil for rows of bytes.
  public init(height: Int, width: Int, channels: Int, maps: [ScaledImage.AffineMap]? = nil) {
    format = .image(height: height, width: width, channels: channels, maps == nil ? .bytes : .floats)
    self.maps = maps
  }

  /// Creates a coding of images like the sample's: of floats if it is scaled and `keepsFloats` is true, else of bytes.
  /// - Precondition: the sample's content is an image.
  public init(like sample: Sample, keepsFloats: Bool = false) {
    let shape = sample.format.shape
    var maps: [ScaledImage.AffineMap]?
    if keepsFloats, case .scaled(let image) = sample.content { maps = image.maps }
    self.init(height: shape[0], width: shape[1], channels: shape[2], maps: maps)
  }

  public var shape: [Int] { format.shape }

  public func append(_ sample: Sample, to row: inout [Float]) {
    if maps != nil, case .scaled(let image) = sample.content {
      row += image.values
    } else {
      for byte in sample.bytes().pixels { row.append(Float(byte) * (2 / 255) - 1) }
    }
  }

  public func contents(_ rows: Tensor) -> [Sample.Content] {
    guard let maps else { return images(rows).map { .image($0) } }
    return split(quantized(rows)) { values in
      .scaled(ScaledImage(height: shape[0], width: shape[1], channels: shape[2], values: Array(values), maps: maps))
    }
  }

  /// Returns rows, N × height × width × channels, as images of bytes for viewing.
  public func images(_ rows: Tensor) -> [Image] {
    split(rows) { values in
      if let maps {
        return ScaledImage(height: shape[0], width: shape[1], channels: shape[2], values: Array(values), maps: maps)
          .image()
      }
      return Image(height: shape[0], width: shape[1], channels: shape[2]) { pixels in
        for (place, value) in values.enumerated() { pixels[place] = UInt8(Self.byte(value)) }
      }
    }
  }

  /// Returns the rows rounded to bytes, or limited to the range that bytes have as floats.
  public func quantized(_ rows: Tensor) -> Tensor {
    guard let maps else { return Tensor(rows.values.map { Self.byte($0) * (2 / 255) - 1 }, shape: rows.shape) }
    let ends = maps.map { ($0.offset, $0.offset + 255 * $0.scale) }
    let ranges = ends.map { min($0, $1)...max($0, $1) }
    let values = rows.values.enumerated().map { place, value in
      let range = ranges[place % ranges.count]
      return max(range.lowerBound, min(range.upperBound, value))
    }
    return Tensor(values, shape: rows.shape)
  }

  private func split<Result>(_ rows: Tensor, _ body: (UnsafeBufferPointer<Float>) -> Result) -> [Result] {
    rows.withValues { values in
      (0..<rows.shape[0]).map {
        body(UnsafeBufferPointer(rebasing: values[$0 * format.count..<($0 + 1) * format.count]))
      }
    }
  }

  /// Returns a number in -1 ... 1 as a rounded byte.
  private static func byte(_ value: Float) -> Float { max(0, min(255, ((value + 1) * 127.5).rounded())) }
}

/// Coding of audio clips as rows of frames × channels, with the waveform unchanged.
public struct WaveformCoding: SampleCoding, Equatable {
  public let format: Format

  /// Creates a coding of clips with `rate` frames per second.
  public init(frames: Int, channels: Int, rate: Int) {
    format = .audio(frames: frames, channels: channels, rate: rate)
  }

  public var shape: [Int] { format.shape }

  /// - Precondition: the content is a clip of the coding's format.
  public func append(_ sample: Sample, to row: inout [Float]) {
    guard case .audio(let clip) = sample.content else { preconditionFailure("a waveform of what is not an audio clip") }
    row += clip.values
  }

  public func contents(_ rows: Tensor) -> [Sample.Content] {
    let (frames, channels, rate, values) = (shape[0], shape[1], format.rate!, rows.values)
    return (0..<rows.shape[0]).map { index in
      let clip = Array(values[index * format.count..<(index + 1) * format.count])
      return .audio(AudioClip(frames: frames, channels: channels, rate: rate, filling: clip))
    }
  }

  public func quantized(_ rows: Tensor) -> Tensor { rows }
}
