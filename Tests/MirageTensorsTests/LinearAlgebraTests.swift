import MirageSupport
import MirageTensors
import Testing

@Suite struct LinearAlgebraTests {
  private func normals(_ count: Int) -> [Double] {
    var random = generator("linear algebra")
    return (0..<count).map { _ in random.normal() }
  }

  /// A · B for row-major matrices of m × k and k × n.
  private func product(_ a: [Double], _ b: [Double], _ m: Int, _ k: Int, _ n: Int) -> [Double] {
    (0..<m * n).map { place in (0..<k).reduce(0) { $0 + a[place / n * k + $1] * b[$1 * n + place % n] } }
  }

  private func transpose(_ a: [Double], _ rows: Int, _ columns: Int) -> [Double] {
    (0..<a.count).map { a[$0 % rows * columns + $0 / rows] }
  }

  private func diagonal(_ values: [Double]) -> [Double] {
    (0..<values.count * values.count).map { $0 % (values.count + 1) == 0 ? values[$0 / (values.count + 1)] : 0 }
  }

  private func farthest(_ a: [Double], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
  }

  /// The rows are of length 1 and at right angles.
  private func isOrthonormal(_ rows: [Double], _ count: Int, _ width: Int) -> Bool {
    let squares = product(rows, transpose(rows, count, width), count, width, count)
    return farthest(squares, diagonal([Double](repeating: 1, count: count))) < 1e-12
  }

  @Test(arguments: [1, 2, 3, 10, 65]) func eigenvectorsRebuildASymmetricMatrix(n: Int) throws {
    let a = normals(n * n)
    let symmetric = zip(a, transpose(a, n, n)).map { $0 + $1 }
    let (values, vectors) = try LinearAlgebra.symmetricEigen(symmetric, size: n)
    #expect(values == values.sorted() && isOrthonormal(vectors, n, n))
    let rebuilt = product(transpose(vectors, n, n), product(diagonal(values), vectors, n, n, n), n, n, n)
    #expect(farthest(rebuilt, symmetric) < 1e-12 * Double(n + 5))
    #expect(farthest(try LinearAlgebra.symmetricEigenvalues(symmetric, size: n), values) < 1e-13 * Double(n + 5))
  }

  @Test func onlyTheLowerTriangleIsRead() throws {
    let (values, _) = try LinearAlgebra.symmetricEigen([2, 99, 1, 2], size: 2)
    #expect(farthest(values, [1, 3]) < 1e-14)
  }

  @Test func repeatedEigenvaluesHaveOrthonormalVectors() throws {
    let (values, vectors) = try LinearAlgebra.symmetricEigen(diagonal([3, 3, 3, -1]), size: 4)
    #expect(farthest(values, [-1, 3, 3, 3]) < 1e-14 && isOrthonormal(vectors, 4, 4))
    let ones = try LinearAlgebra.symmetricEigen([Double](repeating: 1, count: 25), size: 5)  // rank 1
    #expect(farthest(ones.values, [0, 0, 0, 0, 5]) < 1e-13 && isOrthonormal(ones.vectors, 5, 5))
  }

  @Test func eigenvaluesOfOneNumberAndOfNone() throws {
    let one = try LinearAlgebra.symmetricEigen([-7], size: 1)
    #expect(one.values == [-7] && abs(one.vectors[0]) == 1)
    #expect(try LinearAlgebra.symmetricEigen([], size: 0).values.isEmpty)
  }

  @Test(arguments: [(1, 1), (1, 6), (6, 1), (4, 4), (3, 8), (8, 3), (40, 17), (17, 40)])
  func singularVectorsRebuildTheMatrix(m: Int, n: Int) throws {
    let matrix = normals(m * n)
    let (u, values, v) = try LinearAlgebra.singularValues(matrix, rows: m, columns: n)
    let k = min(m, n)
    #expect(u.count == m * k && values.count == k && v.count == k * n)
    #expect(values == values.sorted(by: >) && values.allSatisfy { $0 >= 0 })
    #expect(isOrthonormal(transpose(u, m, k), k, m) && isOrthonormal(v, k, n))
    #expect(farthest(product(u, product(diagonal(values), v, k, k, n), m, k, n), matrix) < 1e-12)
  }

  @Test func singularValuesOfAMatrixThatLacksRank() throws {
    let row = normals(6)
    let matrix = (1...4).flatMap { scale in row.map { $0 * Double(scale) } }
    let (u, values, v) = try LinearAlgebra.singularValues(matrix, rows: 4, columns: 6)
    let length = (30 * row.reduce(0) { $0 + $1 * $1 }).squareRoot()
    #expect(farthest(values, [length, 0, 0, 0]) < 1e-12)
    #expect(isOrthonormal(transpose(u, 4, 4), 4, 4) && isOrthonormal(v, 4, 6))
    #expect(try LinearAlgebra.singularValues([], rows: 0, columns: 3).values.isEmpty)
  }

  @Test(arguments: [(1, 1, 1), (3, 5, 2), (17, 4, 33)]) func productsOfRowMajorMatrices(m: Int, n: Int, k: Int) {
    let (a, b) = (normals(m * k), normals(n * k))
    var c = [Double](repeating: .nan, count: m * n)
    LinearAlgebra.multiply(a, transposed: b, into: &c, m: m, n: n, k: k)
    #expect(farthest(c, product(a, transpose(b, n, k), m, k, n)) < 1e-13)
    /// The lower triangle; the rest is what it was.
    func lower(_ full: [Double], _ size: Int, over rest: Double) -> [Double] {
      full.indices.map { $0 % size <= $0 / size ? full[$0] : rest }
    }
    var rows = [Double](repeating: 7, count: m * m)
    LinearAlgebra.multiplyByOwnTranspose(a, into: &rows, m: m, k: k)
    #expect(farthest(rows, lower(product(a, transpose(a, m, k), m, k, m), m, over: 7)) < 1e-13)
    var columns = [Double](repeating: 7, count: k * k)
    LinearAlgebra.addOwnProduct(ofColumns: a, to: &columns, n: k, k: m)
    let squares = product(transpose(a, m, k), a, k, m, k).map { $0 + 7 }
    #expect(farthest(columns, lower(squares, k, over: 7)) < 1e-13)
  }

  @Test func equalMatricesHaveEqualBits() throws {
    let a = normals(3_600)
    let symmetric = zip(a, transpose(a, 60, 60)).map { $0 + $1 }
    let (first, second) = try (
      LinearAlgebra.symmetricEigen(symmetric, size: 60), LinearAlgebra.symmetricEigen(symmetric, size: 60)
    )
    #expect(first.values == second.values && first.vectors == second.vectors)
  }
}
