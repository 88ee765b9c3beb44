import Glibc
import Synchronization

/// Memory for floats. The buffer goes back to the pool when the last tensor on it is gone, with the packed copies of it
/// that kernels keep.
///
/// Unchecked, because the compiler does not see the rule: it is written by the operation that makes it, before anybody
/// else has it; then only read, until somebody has it alone again and may write over it.
final class Storage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  /// Floats that fit.
  let capacity: Int
  private let packed = Mutex<[PackedKey: Storage]>([:])

  /// Room for at least `count` floats, of undefined content.
  init(_ count: Int) {
    (pointer, capacity) = Pool.take(count)
  }

  deinit { Pool.give(pointer, capacity: capacity) }

  /// Packed copies over this many floats are kept one at a time: the forward passes of a step want one order, the
  /// backward passes that follow another.
  private static let largePacking = 1 << 19
  private static let packingLimit = 8

  /// The same numbers in the order a kernel wants them: made when first asked for, kept until the storage dies.
  func packed(_ key: PackedKey, make: () -> Storage) -> Storage {
    if let found = packed.withLock({ $0[key] }) { return found }
    let made = make()
    packed.withLock { packed in
      if made.capacity > Storage.largePacking {
        packed = packed.filter { $0.value.capacity <= Storage.largePacking }
      }
      // Inputs of ever new sizes may each want an order of their own.
      if packed.count >= Storage.packingLimit { packed = [:] }
      packed[key] = made
    }
    return made
  }

  /// Before the numbers are overwritten, by whoever has the storage alone.
  func forgetPacked() { packed.withLock { if !$0.isEmpty { $0 = [:] } } }
}

/// Which kernel's order, and where in the storage the numbers begin.
struct PackedKey: Hashable, @unchecked Sendable {  // the kernels' descriptions are Sendable
  let kernel: AnyHashable
  let offset: Int
}

/// Keeps buffers that are not in use, by size, for the next that asks: a training step finds there what the one before it
/// gave back.
public enum Pool {
  /// What the pool has from the system, and what of it lies unused.
  public struct Statistics: Sendable {
    /// How often the system was asked.
    public var systemAllocations = 0
    /// What the pool has from it now.
    public var bytesAllocated = 0
    /// What of that no tensor uses.
    public var bytesUnused = 0
    /// The most that was in use at once.
    public var peakBytesInUse = 0

    fileprivate mutating func notePeak() { peakBytesInUse = max(peakBytesInUse, bytesAllocated - bytesUnused) }
  }

  private struct State {
    var unused: [Int: [UnsafeMutableRawPointer]] = [:]
    var statistics = Statistics()
  }

  /// Unchecked for its pointers, each of which only the pool has; the mutex guards them.
  private struct Guarded: @unchecked Sendable { var state = State() }
  private static let guarded = Mutex(Guarded())

  /// As it is at this moment.
  public static var statistics: Statistics { guarded.withLock { $0.state.statistics } }

  /// Gives everything unused back to the system.
  public static func trim() {
    guarded.withLock { guarded in
      for (size, buffers) in guarded.state.unused {
        for buffer in buffers { free(buffer) }
        guarded.state.statistics.bytesAllocated -= size * 4 * buffers.count
      }
      guarded.state.unused = [:]
      guarded.state.statistics.bytesUnused = 0
    }
  }

  /// Sizes are rounded up to eighths of a power of two, so that nearly equal ones share buffers.
  private static func sizeClass(_ count: Int) -> Int {
    if count <= 64 { return 64 }
    let step = max(16, 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount - 3))
    return (count + step - 1) / step * step
  }

  static func take(_ count: Int) -> (UnsafeMutablePointer<Float>, Int) {
    let wanted = sizeClass(count)
    let kept: (buffer: SendablePointer, size: Int)? = guarded.withLock { guarded in
      defer { guarded.state.statistics.notePeak() }
      // A large buffer may also serve where a fifth of it is too much, before another is made.
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

  static func give(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) {
    let buffer = SendablePointer(pointer: UnsafeMutableRawPointer(pointer))
    guarded.withLock { guarded in
      guarded.state.unused[capacity, default: []].append(buffer.pointer)
      guarded.state.statistics.bytesUnused += capacity * 4
    }
  }

  /// A buffer on its way into or out of the mutex, in one hand at a time.
  private struct SendablePointer: @unchecked Sendable { let pointer: UnsafeMutableRawPointer }

  private static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
    let hugePage = 2 << 20
    var buffer: UnsafeMutableRawPointer?
    let alignment = bytes >= hugePage ? hugePage : 64
    if posix_memalign(&buffer, alignment, bytes) != 0 {
      // What lies unused may be what is missing.
      trim()
      posix_memalign(&buffer, alignment, bytes)
    }
    guard let buffer else { fatalError("out of memory: \(bytes) bytes for a tensor") }
    // Large pages save the processor looking up addresses, and the kernel clearing pages one by one.
    if bytes >= hugePage { madvise(buffer, bytes / hugePage * hugePage, Int32(MADV_HUGEPAGE)) }
    return buffer
  }
}

/// Keeps values alive until here, while kernels use their memory. (`withExtendedLifetime` of a tuple leaks its members in
/// some places with Swift 6.3; a test counts what is left alive.)
@inline(__always)
func keepAlive<each Value>(_ values: repeat each Value) { repeat withExtendedLifetime(each values) {} }
