import CNumerics

/// Matrix products in double precision, for statistics. A call works on one thread, and several threads may call at
/// once.
extension LinearAlgebra {
  /// C = A Bᵀ for row-major matrices, A of m × k and B of n × k.
  package static func multiply(
    _ a: UnsafePointer<Double>, transposed b: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, m: Int,
    n: Int, k: Int
  ) {
    _ = onOneThread
    // Column-major, C is its transpose B Aᵀ, A and B are theirs.
    var (rows, columns, depth, one, zero) = (Int32(n), Int32(m), Int32(k), 1.0, 0.0)
    dgemm_("T", "N", &rows, &columns, &depth, &one, b, &depth, a, &depth, &zero, c, &rows)
  }

  /// The lower triangle of C = A Aᵀ for a row-major matrix A of m × k; what is above its diagonal stays as it is.
  package static func multiplyByOwnTranspose(
    _ a: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, m: Int, k: Int
  ) {
    _ = onOneThread
    var (order, depth, one, zero) = (Int32(m), Int32(k), 1.0, 0.0)
    dsyrk_("U", "T", &order, &depth, &one, a, &depth, &zero, c, &order)
  }

  /// Adds the lower triangle of Aᵀ A, for a row-major matrix A of k × n, to that of C.
  package static func addOwnProduct(
    ofColumns a: UnsafePointer<Double>, to c: UnsafeMutablePointer<Double>, n: Int, k: Int
  ) {
    _ = onOneThread
    var (order, depth, one) = (Int32(n), Int32(k), 1.0)
    dsyrk_("U", "N", &order, &depth, &one, a, &order, &one, c, &order)
  }
}
