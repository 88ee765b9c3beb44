import CNumerics

/// Computes C = A B for row-major matrices, each optionally transposed first, to A of m × k and B of k × n.
func multiplyMatrices(
  _ a: UnsafePointer<Float>, isTransposed aTransposed: Bool, _ b: UnsafePointer<Float>,
  isTransposed bTransposed: Bool, into c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int
) {
  omp_set_num_threads(Int32(Compute.threads))
  func letter(_ isTransposed: Bool) -> CChar { CChar(UInt8(ascii: isTransposed ? "T" : "N")) }
  Profile.counted("matrix product", operations: 2 * m * n * k) {
    DNNL.check(
      dnnl_sgemm(
        letter(aTransposed), letter(bTransposed), Int64(m), Int64(n), Int64(k), 1, a, Int64(aTransposed ? m : k), b,
        Int64(bTransposed ? k : n), 0, c, Int64(n)), "multiplying matrices of \(m) x \(k) and \(k) x \(n)")
  }
}
