import CNumerics

/// LAPACK in double precision, by OpenBLAS on one thread, so that results do not depend on the number of threads.
public enum LinearAlgebra {
  private static let onOneThread: Void = openblas_set_num_threads(1)

  /// Eigenvalues in ascending order and orthonormal eigenvectors of a symmetric matrix (LAPACK's dsyevd).
  ///
  /// - Parameter matrix: n × n, row-major; only its lower triangle is read.
  /// - Returns: n values; vectors: n × n, row i is the vector of value i.
  /// - Precondition: all numbers are finite.
  public static func symmetricEigen(_ matrix: [Double], size n: Int) -> (values: [Double], vectors: [Double]) {
    require(matrix.count == n * n, "symmetricEigen: \(matrix.count) numbers for \(n) x \(n)")
    require(matrix.allSatisfy(\.isFinite), "symmetricEigen: a number is not finite")
    if n == 0 { return ([], []) }
    _ = onOneThread
    // A symmetric matrix is its transpose: column-major and row-major are the same, the upper triangle is the lower.
    var (vectors, values, order, info) = (matrix, [Double](repeating: 0, count: n), Int32(n), Int32(0))
    var (workSize, integerSize) = (Int32(-1), Int32(-1))
    var (work, integers) = ([Double](repeating: 0, count: 1), [Int32](repeating: 0, count: 1))
    for _ in 0..<2 {
      dsyevd_("V", "U", &order, &vectors, &order, &values, &work, &workSize, &integers, &integerSize, &info)
      require(info == 0, "symmetricEigen: LAPACK's dsyevd failed with \(info)")
      if workSize > 0 { break }
      (workSize, integerSize) = (Int32(work[0]), integers[0])
      work = [Double](repeating: 0, count: Int(workSize))
      integers = [Int32](repeating: 0, count: Int(integerSize))
    }
    return (values, vectors)
  }

  /// The singular value decomposition A = U diag(s) Vᵀ of a matrix, with min(m, n) values in descending order (dgesdd).
  ///
  /// - Parameter matrix: m × n, row-major.
  /// - Returns: u: m × k, values: k, vTransposed: k × n, all row-major.
  /// - Precondition: all numbers are finite.
  public static func singularValues(
    _ matrix: [Double], rows m: Int, columns n: Int
  ) -> (u: [Double], values: [Double], vTransposed: [Double]) {
    require(matrix.count == m * n, "singularValues: \(matrix.count) numbers for \(m) x \(n)")
    require(matrix.allSatisfy(\.isFinite), "singularValues: a number is not finite")
    let k = min(m, n)
    if k == 0 { return ([], [], []) }
    _ = onOneThread
    // LAPACK sees the transpose, n × m: A' = V diag(s) U', so its "U" is our V and its "VT" our U', both column-major.
    var (a, values) = (matrix, [Double](repeating: 0, count: k))
    var (u, v) = ([Double](repeating: 0, count: n * k), [Double](repeating: 0, count: k * m))
    var (rows, columns, least, info) = (Int32(n), Int32(m), Int32(k), Int32(0))
    var (work, workSize) = ([Double](repeating: 0, count: 1), Int32(-1))
    var integers = [Int32](repeating: 0, count: 8 * k)
    for _ in 0..<2 {
      dgesdd_("S", &rows, &columns, &a, &rows, &values, &u, &rows, &v, &least, &work, &workSize, &integers, &info)
      require(info == 0, "singularValues: LAPACK's dgesdd failed with \(info)")
      if workSize > 0 { break }
      workSize = Int32(work[0])
      work = [Double](repeating: 0, count: Int(workSize))
    }
    return (v, values, u)
  }
}
