import CNumerics

/// LAPACK in double precision, by OpenBLAS on one thread, so that results are independent of the number of threads.
package enum LinearAlgebra {
  static let onOneThread: Void = openblas_set_num_threads(1)

  /// Error of an iteration in LAPACK that did not converge.
  package struct NotConverged: Error, Equatable {
    /// Name of the function in LAPACK.
    package let routine: String
    /// Value of its `INFO` result, which is above 0.
    package let info: Int
  }

  /// Computes eigenvalues in ascending order and orthonormal eigenvectors of a symmetric matrix (LAPACK's dsyevd).
  ///
  /// - Parameter matrix: n × n, row-major; only its lower triangle is read.
  /// - Returns: Eigenvalues, n, and eigenvectors, n × n, where row i belongs to value i.
  /// - Precondition: All numbers are finite.
  /// - Throws: `NotConverged`.
  package static func symmetricEigen(
    _ matrix: [Double], size n: Int
  ) throws(NotConverged) -> (values: [Double], vectors: [Double]) {
    try symmetricEigen(matrix, size: n, job: "V")
  }

  /// Computes the eigenvalues alone, in less than half the time.
  ///
  /// - Precondition: All numbers are finite.
  /// - Throws: `NotConverged`.
  package static func symmetricEigenvalues(_ matrix: [Double], size n: Int) throws(NotConverged) -> [Double] {
    try symmetricEigen(matrix, size: n, job: "N").values
  }

  private static func symmetricEigen(
    _ matrix: [Double], size n: Int, job: String
  ) throws(NotConverged) -> (values: [Double], vectors: [Double]) {
    require(matrix.count == n * n, "symmetricEigen: \(matrix.count) numbers for \(n) x \(n)")
    require(matrix.allSatisfy(\.isFinite), "symmetricEigen: a number is not finite")
    if n == 0 { return ([], []) }
    _ = onOneThread
    // A symmetric matrix is its transpose: column-major and row-major are the same, the upper triangle is the lower.
    var (vectors, values, order, info) = (matrix, [Double](repeating: 0, count: n), Int32(n), Int32(0))
    var (workSize, integerSize) = (Int32(-1), Int32(-1))
    var (work, integers) = ([Double](repeating: 0, count: 1), [Int32](repeating: 0, count: 1))
    for _ in 0..<2 {
      dsyevd_(job, "U", &order, &vectors, &order, &values, &work, &workSize, &integers, &integerSize, &info)
      try check(info, "dsyevd")
      if workSize > 0 { break }
      (workSize, integerSize) = (Int32(work[0]), integers[0])
      work = [Double](repeating: 0, count: Int(workSize))
      integers = [Int32](repeating: 0, count: Int(integerSize))
    }
    return (values, vectors)
  }

  /// Computes the singular value decomposition A = U diag(s) Vᵀ of a matrix, with k = min(m, n) values in descending order
  /// (LAPACK's dgesdd).
  ///
  /// - Parameter matrix: m × n, row-major.
  /// - Returns: `u`, m × k, `values`, k, and `vTransposed`, k × n, all row-major.
  /// - Precondition: All numbers are finite.
  /// - Throws: `NotConverged`.
  package static func singularValues(
    _ matrix: [Double], rows m: Int, columns n: Int
  ) throws(NotConverged) -> (u: [Double], values: [Double], vTransposed: [Double]) {
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
      try check(info, "dgesdd")
      if workSize > 0 { break }
      workSize = Int32(work[0])
      work = [Double](repeating: 0, count: Int(workSize))
    }
    return (v, values, u)
  }

  /// Throws if the iteration failed (above 0), and stops the program if an argument was wrong (below 0).
  private static func check(_ info: Int32, _ routine: String) throws(NotConverged) {
    require(info >= 0, "LAPACK's \(routine) does not take its argument \(-info)")
    if info > 0 { throw NotConverged(routine: routine, info: Int(info)) }
  }
}
