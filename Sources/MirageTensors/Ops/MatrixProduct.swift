/// Multiplies two matrices, m × k and k × n, or two batches of matrices, B × m × k and B × k × n.
///
/// - Parameters:
///   - a: First factor, of rank 2 or 3.
///   - b: Second factor, of the same rank.
///   - transposeA: Whether `a` holds k × m matrices, which are transposed first. Defaults to `false`.
///   - transposeB: Whether `b` holds n × k matrices, which are transposed first. Defaults to `false`.
/// - Returns: m × n, or B × m × n.
public func matmul(
  _ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false
) -> Tensor {
  let rank = a.rank
  require(rank == b.rank && (rank == 2 || rank == 3), "matmul: \(a.shape) and \(b.shape)")
  let (aRows, aColumns) = (a.shape[rank - 2], a.shape[rank - 1])
  let (bRows, bColumns) = (b.shape[rank - 2], b.shape[rank - 1])
  let (m, k) = transposeA ? (aColumns, aRows) : (aRows, aColumns)
  let (inner, n) = transposeB ? (bColumns, bRows) : (bRows, bColumns)
  let batch = rank == 3 ? a.shape[0] : 1
  require(
    k == inner && (rank == 2 || batch == b.shape[0]),
    "matmul: \(a.shape)\(transposeA ? " transposed" : "") and \(b.shape)\(transposeB ? " transposed" : "")")
  let result = Tensor(shape: (rank == 3 ? [batch] : []) + [m, n]) { out in
    if m == 0 || n == 0 { return }
    if k == 0 { return out.update(repeating: 0, count: batch * m * n) }
    for index in 0..<batch {
      multiplyMatrices(
        a.pointer + index * m * k, isTransposed: transposeA, b.pointer + index * k * n, isTransposed: transposeB,
        into: out + index * m * n, m: m, n: n, k: k)
    }
    keepAlive(a, b)
  }
  return result.recorded("matmul", [a, b], saving: (b.isTracked ? [0] : []) + (a.isTracked ? [1] : [])) {
    gradient, record in
    [
      !record.needs(0)
        ? nil
        : transposeA
          ? matmul(record.input(1), gradient, transposeA: transposeB, transposeB: true)
          : matmul(gradient, record.input(1), transposeB: !transposeB),
      !record.needs(1)
        ? nil
        : transposeB
          ? matmul(gradient, record.input(0), transposeA: true, transposeB: transposeA)
          : matmul(record.input(0), gradient, transposeA: !transposeA),
    ]
  }
}
