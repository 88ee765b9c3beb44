/// Reads Python pickles of protocols 0 to 5 that hold only plain values, containers and numpy arrays of numbers.
///
/// Nothing is imported or called: the few names of a numpy array are recognized, and every other name is an error.
/// Names of PyTorch's tensors are recognized in PyTorch's files only (`Unpickler+PyTorch.swift`). `pickletools.py` of
/// CPython documents the format.
package struct Unpickler {
  private var reader: ByteReader
  private let readsPyTorch: Bool
  private var stack: [Item] = []
  private var marks: [Int] = []
  private var memo: [Int: Item] = [:]
  private var containers: [Container] = []

  /// Reads a pickle.
  /// - Throws: bad data naming the byte if the pickle is damaged, truncated, nested more than 100 deep, refers to
  ///   itself, or imports or calls anything else.
  package static func load(_ bytes: some Sequence<UInt8>) throws -> PickleValue {
    try load(bytes, readsPyTorch: false)
  }

  /// - Parameter readsPyTorch: whether names of PyTorch's tensors are recognized.
  static func load(_ bytes: some Sequence<UInt8>, readsPyTorch: Bool) throws -> PickleValue {
    var reader = ByteReader(bytes)
    return try load(from: &reader, readsPyTorch: readsPyTorch)
  }

  /// Reads the pickle at the reader's position, and leaves the reader after it.
  static func load(from reader: inout ByteReader, readsPyTorch: Bool) throws -> PickleValue {
    var unpickler = Unpickler(reader: reader, readsPyTorch: readsPyTorch)
    // The containers are emptied one by one: freeing deeply nested ones by recursion could exhaust the stack.
    defer { for container in unpickler.containers { container.items = [] } }
    let value = try unpickler.run()
    reader = unpickler.reader
    return value
  }

  private init(reader: ByteReader, readsPyTorch: Bool) { (self.reader, self.readsPyTorch) = (reader, readsPyTorch) }

  /// Mutable while it is built, since the memo may hold it before it is complete.
  final class Container {
    enum Kind { case list, tuple, dictionary }
    let kind: Kind
    var items: [Item] = []
    init(_ kind: Kind) { self.kind = kind }
  }

  final class ArrayObject { var array: PickleArray? }

  enum Item {
    case value(PickleValue)
    case container(Container)
    case global(String)
    case type(String)
    case array(ArrayObject)
    case bytesInPlace(ArraySlice<UInt8>)
    case storage(PickleTensor.Storage)
  }

  func damaged(_ message: String) -> MirageError { .badData(message, place: "byte \(reader.position)") }

  private mutating func run() throws -> PickleValue {
    while true {
      let opcode = try reader.u8()
      if opcode == UInt8(ascii: ".") {
        var budget = 10_000_000
        return try finished(pop(), depth: 0, budget: &budget)
      }
      try step(opcode)
    }
  }

  private mutating func step(_ opcode: UInt8) throws {
    switch opcode {
    case 0x80: _ = try reader.u8()  // PROTO
    case 0x95: _ = try reader.take(8)  // FRAME
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"):
      let top = try pop()
      stack += [top, top]
    case UInt8(ascii: "N"): push(.none)
    case 0x88: push(.bool(true))
    case 0x89: push(.bool(false))
    case UInt8(ascii: "I"):
      let text = try reader.line()
      if text == "00" || text == "01" { push(.bool(text == "01")) } else { try pushInteger(text) }
    case UInt8(ascii: "L"): try pushInteger(reader.line().filter { $0 != "L" })
    case UInt8(ascii: "J"): push(.integer(Int(Int32(bitPattern: try reader.littleEndian(UInt32.self)))))
    case UInt8(ascii: "K"): push(.integer(Int(try reader.u8())))
    case UInt8(ascii: "M"): push(.integer(Int(try reader.littleEndian(UInt16.self))))
    case 0x8A:  // LONG1: little-endian two's complement
      let bytes = try reader.take(Int(try reader.u8()))
      guard bytes.count <= 8 else { throw damaged("an integer of \(bytes.count) bytes") }
      let sign: Int = (bytes.last ?? 0) & 0x80 != 0 ? -1 : 0
      push(.integer(bytes.reversed().reduce(sign) { $0 << 8 | Int($1) }))
    case UInt8(ascii: "G"): push(.float(Double(bitPattern: try reader.bigEndian(UInt64.self))))
    case UInt8(ascii: "F"):
      guard let number = Double(try reader.line()) else { throw damaged("a float that is no number") }
      push(.float(number))
    case UInt8(ascii: "U"), UInt8(ascii: "C"): stack.append(.bytesInPlace(try reader.take(Int(try reader.u8()))))
    case UInt8(ascii: "T"), UInt8(ascii: "B"):
      stack.append(.bytesInPlace(try reader.take(Int(try reader.littleEndian(UInt32.self)))))
    case 0x8E, 0x96: stack.append(.bytesInPlace(try reader.take(try length64())))  // BINBYTES8, BYTEARRAY8
    case 0x8C: try pushText(reader.take(Int(try reader.u8())))
    case UInt8(ascii: "X"): try pushText(reader.take(Int(try reader.littleEndian(UInt32.self))))
    case 0x8D: try pushText(reader.take(try length64()))
    case UInt8(ascii: "V"): try pushUnicodeLine()
    case UInt8(ascii: "S"): try pushQuotedLine()
    case UInt8(ascii: "]"): pushContainer(.list, [])
    case UInt8(ascii: "}"): pushContainer(.dictionary, [])
    case UInt8(ascii: ")"): pushContainer(.tuple, [])
    case UInt8(ascii: "l"), UInt8(ascii: "d"):
      pushContainer(opcode == UInt8(ascii: "l") ? .list : .dictionary, try popToMark())
    case UInt8(ascii: "t"): pushContainer(.tuple, try popToMark())
    case 0x85, 0x86, 0x87:
      let count = Int(opcode) - 0x84
      guard stack.count - (marks.last ?? 0) >= count else { throw damaged("a tuple of too few values") }
      let items = Array(stack.suffix(count))
      stack.removeLast(count)
      pushContainer(.tuple, items)
    case UInt8(ascii: "a"), UInt8(ascii: "e"):
      let items = opcode == UInt8(ascii: "a") ? [try pop()] : try popToMark()
      try extend(.list, by: items)
    case UInt8(ascii: "s"):
      let value = try pop()
      let key = try pop()
      try extend(.dictionary, by: [key, value])
    case UInt8(ascii: "u"):
      let items = try popToMark()
      try extend(.dictionary, by: items)
    case UInt8(ascii: "q"): memo[Int(try reader.u8())] = try top()
    case UInt8(ascii: "r"): memo[Int(try reader.littleEndian(UInt32.self))] = try top()
    case UInt8(ascii: "p"): memo[Int(try reader.line()) ?? -1] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try recall(Int(try reader.u8()))
    case UInt8(ascii: "j"): try recall(Int(try reader.littleEndian(UInt32.self)))
    case UInt8(ascii: "g"): try recall(Int(try reader.line()) ?? -1)
    case UInt8(ascii: "c"): try pushGlobal(reader.line(), reader.line())
    case 0x93:
      let name = try pop()
      guard case .value(.string(let name)) = name, case .value(.string(let module)) = try pop() else {
        throw damaged("an import without a name")
      }
      try pushGlobal(module, name)
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    case UInt8(ascii: "Q") where readsPyTorch: stack.append(.storage(try storage(pop())))
    default: throw damaged("pickle operation \(opcode) is not allowed in a data file")
    }
  }

  private mutating func push(_ value: PickleValue) { stack.append(.value(value)) }

  private mutating func pushContainer(_ kind: Container.Kind, _ items: [Item]) {
    let container = Container(kind)
    container.items = items
    containers.append(container)
    stack.append(.container(container))
  }

  /// Returns the items of a tuple.
  func tuple(_ item: Item) -> [Item]? {
    if case .container(let container) = item, container.kind == .tuple { container.items } else { nil }
  }

  private mutating func pushInteger(_ text: String) throws {
    guard let value = Int(text) else { throw damaged("an integer that is no number") }
    push(.integer(value))
  }

  private mutating func pushText(_ bytes: ArraySlice<UInt8>) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw damaged("text that is not UTF-8") }
    push(.string(text))
  }

  /// Pushes a text of protocol 0: Latin-1 with `\uXXXX` and `\UXXXXXXXX` for other characters.
  private mutating func pushUnicodeLine() throws {
    var text = String.UnicodeScalarView()
    var line = try reader.lineBytes()
    while let byte = line.popFirst() {
      let digits = line.first == UInt8(ascii: "u") ? 4 : line.first == UInt8(ascii: "U") ? 8 : 0
      if byte == UInt8(ascii: "\\"), digits > 0 {
        let code = hexadecimal(line.dropFirst().prefix(digits), digits)
        guard let code, let scalar = Unicode.Scalar(code) else {
          throw damaged("a damaged escape in text")
        }
        text.append(scalar)
        line = line.dropFirst(1 + digits)
      } else {
        text.append(Unicode.Scalar(byte))
      }
    }
    push(.string(String(text)))
  }

  /// Pushes bytes of Python 2 in protocol 0: a string literal in quotes.
  private mutating func pushQuotedLine() throws {
    var line = try reader.lineBytes()
    guard line.count >= 2, line.first == line.last, let quote = line.popFirst(), "'\"".utf8.contains(quote) else {
      throw damaged("a string without quotes")
    }
    line = line.dropLast()
    var bytes: [UInt8] = []
    while let byte = line.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      switch line.popFirst() {
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "x"):
        guard let value = hexadecimal(line.prefix(2), 2) else { throw damaged("a damaged escape in a string") }
        bytes.append(UInt8(value))
        line = line.dropFirst(2)
      case let plain? where "\\'\"".utf8.contains(plain): bytes.append(plain)
      default: throw damaged("a damaged escape in a string")
      }
    }
    push(.bytes(bytes[...]))
  }

  private func hexadecimal(_ digits: ArraySlice<UInt8>, _ count: Int) -> UInt32? {
    guard digits.count == count, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else {
      return nil
    }
    return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  private mutating func length64() throws -> Int {
    let length = try reader.littleEndian(UInt64.self)
    guard length <= UInt64(reader.remaining) else { throw damaged("\(length) bytes claimed, more than there are") }
    return Int(length)
  }

  private func top() throws -> Item {
    guard let item = stack.last else { throw damaged("a value is missing") }
    return item
  }

  private mutating func pop() throws -> Item {
    guard stack.count > (marks.last ?? 0) else { throw damaged("a value is missing") }
    return stack.removeLast()
  }

  private mutating func popToMark() throws -> [Item] {
    guard let mark = marks.popLast(), mark <= stack.count else { throw damaged("a mark is missing") }
    let items = Array(stack[mark...])
    stack.removeLast(items.count)
    return items
  }

  private mutating func recall(_ index: Int) throws {
    guard let item = memo[index] else { throw damaged("a reference to nothing") }
    stack.append(item)
  }

  private func extend(_ kind: Container.Kind, by items: [Item]) throws {
    guard case .container(let container) = try top(), container.kind == kind else {
      throw damaged("elements without their container")
    }
    container.items += items
  }

  private mutating func pushGlobal(_ module: String, _ name: String) throws {
    let full = module.replacing("numpy._core.", with: "numpy.core.") + "." + name
    let known = [
      "numpy.core.multiarray._reconstruct", "numpy.core.numeric._frombuffer", "numpy.ndarray", "numpy.dtype",
      "_codecs.encode", "__builtin__.bytes", "builtins.bytes",
    ]
    guard known.contains(full) || readsPyTorch && Self.namesOfPyTorch.contains(full) else {
      throw damaged("the pickle wants to import \(module).\(name), which is refused: it may not be a data file")
    }
    stack.append(.global(full))
  }

  /// Replaces one of the recognized names and its arguments by the result of the call.
  private mutating func reduce() throws {
    guard let arguments = tuple(try pop()), case .global(let name) = try pop() else {
      throw damaged("the pickle wants to call something, which is refused")
    }
    if Self.namesOfPyTorch.contains(name) {
      if let item = try rebuilt(name, arguments) { stack.append(item) } else { pushContainer(.dictionary, []) }
      return
    }
    switch (name, arguments.count) {
    case ("numpy.core.multiarray._reconstruct", _): stack.append(.array(ArrayObject()))
    case ("numpy.dtype", 1...):
      guard case .value(.string(let code)) = textual(arguments[0]) else { throw damaged("a type without a name") }
      stack.append(.type(code.filter { !"<>|=".contains($0) }))
    case ("numpy.core.numeric._frombuffer", 4):
      let object = ArrayObject()
      try fill(object, shape: arguments[2], type: arguments[1], order: arguments[3], data: arguments[0])
      stack.append(.array(object))
    case ("_codecs.encode", 1...2):
      // Python 3 writes bytes in protocol 2 as text whose characters are the bytes.
      guard case .value(.string(let text)) = arguments[0] else { throw damaged("an encoding of something not text") }
      var bytes: [UInt8] = []
      for scalar in text.unicodeScalars {
        guard scalar.value < 256 else { throw damaged("bytes written as text with a character over 255") }
        bytes.append(UInt8(scalar.value))
      }
      push(.bytes(bytes[...]))
    case ("__builtin__.bytes", 0), ("builtins.bytes", 0): push(.bytes([]))
    default: throw damaged("the pickle wants to call \(name), which is refused")
    }
  }

  /// Sets the state of a type (the byte order, which is not used here) or of an array.
  private mutating func build() throws {
    let item = try pop()
    // The attributes of an ordered dictionary, such as the `_metadata` of a state dict, hold no tensors.
    if readsPyTorch, isDictionary(item), isDictionary(try top()) { return }
    guard let state = tuple(item) else { throw damaged("an object with an unknown state") }
    switch try top() {
    case .type: break
    case .array(let object) where state.count == 5:
      try fill(object, shape: state[1], type: state[2], order: state[3], data: state[4])
    default: throw damaged("an object with an unknown state")
    }
  }

  private func fill(_ object: ArrayObject, shape: Item, type: Item, order: Item, data: Item) throws {
    guard let sides = tuple(shape), sides.count <= 8, case .type(let type) = type else {
      throw damaged("a damaged array")
    }
    var count = 1
    let shape = try sides.map { side in
      guard case .value(.integer(let size)) = side, size >= 0 else { throw damaged("a damaged array") }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else { throw damaged("an array of a size that overflows") }
      count = product
      return size
    }
    guard let width = Int(type.drop { $0.isLetter }), (1...16).contains(width) else {
      throw damaged("an array of type \(type), which is not numeric")
    }
    let inPlace: Bool
    let bytes: ArraySlice<UInt8>
    switch data {
    case .bytesInPlace(let slice): (bytes, inPlace) = (slice, true)
    case .value(.bytes(let slice)): (bytes, inPlace) = (slice, false)
    default: throw damaged("an array without data")
    }
    let (size, overflow) = count.multipliedReportingOverflow(by: width)
    guard !overflow, bytes.count == size else {
      throw damaged("an array of shape \(shape) with \(bytes.count) bytes of data")
    }
    let fortran: Bool
    switch textual(order) {
    case .value(.bool(let value)): fortran = value
    case .value(.string(let value)): fortran = value == "F"
    case .value(.integer(let value)): fortran = value != 0
    default: throw damaged("an array without an order")
    }
    object.array = PickleArray(shape: shape, type: type, fortranOrder: fortran, data: bytes, inPlace: inPlace)
  }

  private func textual(_ item: Item) -> Item {
    switch item {
    case .bytesInPlace(let bytes), .value(.bytes(let bytes)): .value(.string(String(decoding: bytes, as: UTF8.self)))
    default: item
    }
  }

  private func finished(_ item: Item, depth: Int, budget: inout Int) throws -> PickleValue {
    budget -= 1
    guard depth < 100, budget > 0 else { throw damaged("values nested too deeply, or referring to themselves") }
    switch item {
    case .value(let value): return value
    case .bytesInPlace(let bytes): return .bytes(bytes)
    case .container(let container):
      let items = try container.items.map { try finished($0, depth: depth + 1, budget: &budget) }
      if container.kind == .list { return .list(items) }
      if container.kind == .tuple { return .tuple(items) }
      guard items.count % 2 == 0 else { throw damaged("a key without a value") }
      return .dictionary(stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) })
    case .array(let object):
      guard let array = object.array else { throw damaged("an array without data") }
      return .array(array)
    case .global(let name), .type(let name): throw damaged("\(name) where a value is needed")
    case .storage: throw damaged("a storage where a value is needed")
    }
  }
}
