import CNumerics

/// Matrix products in double precision, for statistics. A call uses one thread, and can be made from several threads at
/// once.
extension LinearAlgebra {
  /// Computes C = A Bᵀ for row-major matrices, A of m × k and B of n × k.
  package static func multiply(
    _ a: UnsafePointer<Double>, transposed b: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>, m: Int,
    n: Int, k: Int
  ) {
    _ = onOneThread
    // Read as column-major, each matrix is its transpose: the product to compute is Cᵀ = B Aᵀ.
    var (rows, columns, depth, one, zero) = (Int32(n), Int32(m), Int32(k), 1.0, 0.0)
    dgemm_("T", "N", &rows, &columns, &depth, &one, b, &depth, a, &depth, &zero, c, &rows)
  }

  /// Computes the lower triangle of C = A Aᵀ for a row-major matrix A of m × k; elements above the diagonal of C are left
  /// unchanged.
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
