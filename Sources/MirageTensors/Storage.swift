import Glibc
import Synchronization

/// Memory for floats. The buffer returns to the pool with its last tensor, and so do the packed copies of it that kernels
/// keep.
///
/// Unchecked, because the compiler cannot check the rule: the operation that creates a storage writes it before any other
/// code has a reference; after that it is only read, until an operation holds the only reference and may overwrite it.
final class Storage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  /// Number of floats that fit.
  let capacity: Int
  private let packed = Mutex<[PackedKey: Storage]>([:])

  /// Allocates memory for at least `count` floats, of undefined content.
  init(_ count: Int) {
    (pointer, capacity) = Pool.take(count)
  }

  deinit { Pool.give(pointer, capacity: capacity) }

  /// Maximum size of a packed copy, in floats, that is kept beside other copies. Of larger copies, one is kept: the forward
  /// passes of a step need one order, and the backward passes after them another.
  private static let largePacking = 1 << 19
  /// Maximum number of packed copies.
  private static let packingLimit = 8

  /// Returns a copy of the numbers in the order that a kernel needs, made on first use and kept as long as the storage.
  func packed(_ key: PackedKey, make: () -> Storage) -> Storage {
    if let found = packed.withLock({ $0[key] }) { return found }
    let made = make()
    packed.withLock { packed in
      if made.capacity > Storage.largePacking {
        packed = packed.filter { $0.value.capacity <= Storage.largePacking }
      }
      // Inputs of many sizes may each need an order of their own.
      if packed.count >= Storage.packingLimit { packed = [:] }
      packed[key] = made
    }
    return made
  }

  /// Drops all packed copies, before an operation that holds the only reference overwrites the numbers.
  func forgetPacked() { packed.withLock { if !$0.isEmpty { $0 = [:] } } }
}

/// Key of a packed copy: the kernel whose order it has, and the offset of the numbers in the storage.
///
/// Unchecked for `AnyHashable`: the descriptions of kernels in it are Sendable.
struct PackedKey: Hashable, @unchecked Sendable {
  let kernel: AnyHashable
  let offset: Int
}

/// Pool of unused buffers, by size, for reuse: after the first training step, later steps need no memory from the system.
package enum Pool {
  /// Memory that the pool has from the system.
  package struct Statistics: Sendable {
    /// Number of allocations from the system.
    package var systemAllocations = 0
    /// Bytes allocated from the system now.
    package var bytesAllocated = 0
    /// Bytes of these that no tensor uses.
    package var bytesUnused = 0
    /// Maximum number of bytes in use at one time.
    package var peakBytesInUse = 0

    fileprivate mutating func notePeak() { peakBytesInUse = max(peakBytesInUse, bytesAllocated - bytesUnused) }
  }

  private struct State {
    var unused: [Int: [UnsafeMutableRawPointer]] = [:]
    var statistics = Statistics()
  }

  /// Unchecked for its pointers: the mutex guards them, and nothing outside the pool refers to unused buffers.
  private struct Guarded: @unchecked Sendable { var state = State() }
  private static let guarded = Mutex(Guarded())

  /// Memory of the pool at this moment.
  package static var statistics: Statistics { guarded.withLock { $0.state.statistics } }

  /// Returns all unused buffers to the system.
  package static func trim() {
    guarded.withLock { guarded in
      for (size, buffers) in guarded.state.unused {
        for buffer in buffers { free(buffer) }
        guarded.state.statistics.bytesAllocated -= size * 4 * buffers.count
      }
      guarded.state.unused = [:]
      guarded.state.statistics.bytesUnused = 0
    }
  }

  /// Rounds a number of floats up to eighths of a power of two, so that nearly equal sizes share buffers.
  private static func sizeClass(_ count: Int) -> Int {
    if count <= 64 { return 64 }
    let step = max(16, 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount - 3))
    return (count + step - 1) / step * step
  }

  /// Takes a buffer for at least `count` floats, and returns it with its capacity in floats.
  static func take(_ count: Int) -> (UnsafeMutablePointer<Float>, Int) {
    let wanted = sizeClass(count)
    let kept: (buffer: SendablePointer, size: Int)? = guarded.withLock { guarded in
      defer { guarded.state.statistics.notePeak() }
      // For a large size, a buffer with up to a fourth more is used too, before a new one is allocated.
      var size = wanted
      repeat {
        if let buffer = guarded.state.unused[size]?.popLast() {
          guarded.state.statistics.bytesUnused -= size * 4
          return (SendablePointer(pointer: buffer), size)
        }
        size = sizeClass(size + 1)
      } while wanted >= 1 << 16 && size <= wanted * 5 / 4
      guarded.state.statistics.systemAllocations += 1
      guarded.state.statistics.bytesAllocated += wanted * 4
      return nil
    }
    if let kept { return (kept.buffer.pointer.assumingMemoryBound(to: Float.self), kept.size) }
    return (allocate(bytes: wanted * 4).assumingMemoryBound(to: Float.self), wanted)
  }

  /// Puts a buffer that is no longer used into the pool.
  static func give(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) {
    let buffer = SendablePointer(pointer: UnsafeMutableRawPointer(pointer))
    guarded.withLock { guarded in
      guarded.state.unused[capacity, default: []].append(buffer.pointer)
      guarded.state.statistics.bytesUnused += capacity * 4
    }
  }

  /// A buffer that moves into or out of the mutex, with one owner at a time.
  private struct SendablePointer: @unchecked Sendable { let pointer: UnsafeMutableRawPointer }

  private static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
    let hugePage = 2 << 20
    var buffer: UnsafeMutableRawPointer?
    let alignment = bytes >= hugePage ? hugePage : 64
    if posix_memalign(&buffer, alignment, bytes) != 0 {
      // Unused buffers of other sizes may free enough memory.
      trim()
      posix_memalign(&buffer, alignment, bytes)
    }
    guard let buffer else { fatalError("out of memory: \(bytes) bytes for a tensor") }
    // Huge pages save address translation in the processor, and page faults.
    if bytes >= hugePage { madvise(buffer, bytes / hugePage * hugePage, Int32(MADV_HUGEPAGE)) }
    return buffer
  }
}

/// Keeps values alive until this call, while kernels use their memory. (`withExtendedLifetime` of a tuple leaks its members
/// in some places with Swift 6.3; a test counts the operations left alive.)
@inline(__always)
func keepAlive<each Value>(_ values: repeat each Value) { repeat withExtendedLifetime(each values) {} }
