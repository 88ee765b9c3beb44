import MirageSupport
import MirageTensors

/// Scores of images against others at the same places: their true partners, or the originals that they were made of.
/// Images are N × H × W × C in -1 ... 1, both of one size; each score is a mean over the images.
public enum PairedScores {
  /// Returns the mean absolute difference, 0 to 2.
  public static func l1(_ x: Tensor, _ y: Tensor) -> Double {
    mean(x, y) { x, y in zip(x, y).reduce(0) { $0 + abs(Double($1.0 - $1.1)) } / Double(x.count) }
  }

  /// Returns the peak signal-to-noise ratio in dB for bytes, 20 log10(255 / root mean squared difference); equal images count
  /// as 100 dB.
  public static func psnr(_ x: Tensor, _ y: Tensor) -> Double {
    mean(x, y) { x, y in
      let error = zip(x, y).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) } / Double(x.count)
      return error == 0 ? 100 : min(100, 10 * PortableMath.log(4 / error) / PortableMath.log(10))
    }
  }

  /// Returns the structural similarity, -1 to 1 (Wang et al. 2004): a Gaussian window of 11 × 11 pixels and deviation 1.5,
  /// constants 0.01 and 0.03, the mean over channels and over windows inside the image. Smaller images have a single window
  /// of their odd size.
  public static func ssim(_ x: Tensor, _ y: Tensor) -> Double {
    let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
    return mean(x, y) { x, y in
      (0..<channels).map { channel in
        func own(_ values: ArraySlice<Float>) -> Plane {
          let numbers = stride(from: values.startIndex + channel, to: values.endIndex, by: channels).map {
            Double(values[$0])
          }
          return Plane(values: numbers, height: height, width: width)
        }
        return structuralSimilarity(own(x), own(y))
      }.reduce(0, +) / Double(channels)
    }
  }

  /// Returns the intersection over union of silhouettes, 0 to 1. A silhouette is every pixel whose gray differs from the
  /// background's by more than a quarter of the image's largest such difference; the background is the median of the
  /// border. It does not matter which of both is brighter. Two images without silhouettes overlap wholly.
  public static func silhouetteOverlap(_ x: Tensor, _ y: Tensor) -> Double {
    let (height, width) = (x.shape[1], x.shape[2])
    return mean(x, y) { x, y in
      let (one, other) = (silhouette(plane(x, height, width)), silhouette(plane(y, height, width)))
      let both = zip(one, other).count { $0 && $1 }
      let either = zip(one, other).count { $0 || $1 }
      return either == 0 ? 1 : Double(both) / Double(either)
    }
  }

  /// Returns the correlation of the strengths of edges (Sobel, of gray images), -1 to 1; 0 for an image without edges.
  public static func edgeCorrelation(_ x: Tensor, _ y: Tensor) -> Double {
    let (height, width) = (x.shape[1], x.shape[2])
    return mean(x, y) { correlation(edges(plane($0, height, width)), edges(plane($1, height, width))) }
  }

  /// Returns the mean of each pixel's channels, N × H × W × 1.
  public static func gray(_ images: Tensor) -> Tensor { images.mean(axes: [3], keepingDimensions: true) }

  /// Returns Pearson's correlation, -1 to 1; 0 if one side is constant.
  package static func correlation(_ x: [Double], _ y: [Double]) -> Double {
    let count = Double(max(1, x.count))
    let (meanX, meanY) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (x, y) in zip(x, y) {
      let (dx, dy) = (x - meanX, y - meanY)
      (xx, yy, xy) = (xx + dx * dx, yy + dy * dy, xy + dx * dy)
    }
    return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : 0
  }
}

/// A gray image, row by row.
private struct Plane {
  var values: [Double]
  let height, width: Int

  subscript(y: Int, x: Int) -> Double { values[y * width + x] }
}

private func mean(
  _ x: Tensor, _ y: Tensor, _ score: (ArraySlice<Float>, ArraySlice<Float>) -> Double
) -> Double {
  require(x.shape == y.shape && x.rank == 4, "paired scores: images of \(x.shape) and \(y.shape)")
  let (left, right, size) = (x.values, y.values, x.shape.dropFirst().reduce(1, *))
  guard x.shape[0] > 0 else { return 0 }
  let sum = (0..<x.shape[0]).reduce(0.0) {
    $0 + score(left[$1 * size..<($1 + 1) * size], right[$1 * size..<($1 + 1) * size])
  }
  return sum / Double(x.shape[0])
}

private func plane(_ values: ArraySlice<Float>, _ height: Int, _ width: Int) -> Plane {
  let channels = values.count / (height * width)
  let means = (0..<height * width).map { pixel in
    let first = values.startIndex + pixel * channels
    return Double(values[first..<first + channels].reduce(0, +)) / Double(channels)
  }
  return Plane(values: means, height: height, width: width)
}

private func silhouette(_ plane: Plane) -> [Bool] {
  let (height, width) = (plane.height, plane.width)
  let border = plane.values.indices.filter {
    let (y, x) = $0.quotientAndRemainder(dividingBy: width)
    return y == 0 || x == 0 || y == height - 1 || x == width - 1
  }.map { plane.values[$0] }.sorted()
  let background = border[border.count / 2]
  let distances = plane.values.map { abs($0 - background) }
  let limit = (distances.max() ?? 0) / 4
  return distances.map { limit > 0 && $0 > limit }
}

private func edges(_ plane: Plane) -> [Double] {
  guard plane.height > 2, plane.width > 2 else { return [] }
  var found: [Double] = []
  for y in 1..<plane.height - 1 {
    for x in 1..<plane.width - 1 {
      func row(_ y: Int) -> Double { plane[y, x - 1] + 2 * plane[y, x] + plane[y, x + 1] }
      func column(_ x: Int) -> Double { plane[y - 1, x] + 2 * plane[y, x] + plane[y + 1, x] }
      let (down, across) = (row(y + 1) - row(y - 1), column(x + 1) - column(x - 1))
      found.append((down * down + across * across).squareRoot())
    }
  }
  return found
}

private func structuralSimilarity(_ x: Plane, _ y: Plane) -> Double {
  var side = min(11, x.height, x.width)
  if side % 2 == 0 { side -= 1 }
  let center = Double(side / 2)
  var weights = (0..<side).map { PortableMath.exp(-((Double($0) - center) * (Double($0) - center)) / 4.5) }
  let sum = weights.reduce(0, +)
  weights = weights.map { $0 / sum }
  func blurred(_ value: (Int) -> Double) -> [Double] {
    var rows: [Double] = []
    let (wide, tall) = (x.width - side + 1, x.height - side + 1)
    for row in 0..<x.height {
      for column in 0..<wide {
        rows.append((0..<side).reduce(0.0) { $0 + weights[$1] * value(row * x.width + column + $1) })
      }
    }
    return (0..<tall * wide).map { place in
      (0..<side).reduce(0.0) { $0 + weights[$1] * rows[place + $1 * wide] }
    }
  }
  let (a, b) = (x.values, y.values)
  let (meanA, meanB) = (blurred { a[$0] }, blurred { b[$0] })
  let (squareA, squareB) = (blurred { a[$0] * a[$0] }, blurred { b[$0] * b[$0] })
  let product = blurred { a[$0] * b[$0] }
  // The range of the numbers is 2.
  let (one, two) = (0.02 * 0.02, 0.06 * 0.06)
  let scores = meanA.indices.map { index -> Double in
    let (mean, other) = (meanA[index], meanB[index])
    let covariance = product[index] - mean * other
    let variances = squareA[index] - mean * mean + squareB[index] - other * other
    return (2 * mean * other + one) * (2 * covariance + two)
      / ((mean * mean + other * other + one) * (variances + two))
  }
  return scores.reduce(0, +) / Double(scores.count)
}
