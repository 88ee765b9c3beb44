import MirageTensors

/// A lazily created value on the compute thread.
@TensorActor
final class Built<Value> {
  private let make: @TensorActor () throws -> Value
  private var made: Value?

  nonisolated init(_ make: @escaping @TensorActor () throws -> Value) { self.make = make }

  func value() throws -> Value {
    if let made { return made }
    let value = try make()
    made = value
    return value
  }
}
