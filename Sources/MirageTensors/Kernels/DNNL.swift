import CNumerics
import Synchronization

/// Cache of oneDNN primitives by their description. Only this folder calls oneDNN.
enum DNNL {
  /// Unchecked for the handles of oneDNN, which are used only inside the mutex.
  private struct State: @unchecked Sendable {
    var engine: dnnl_engine_t?
    var stream: dnnl_stream_t?
    var primitives: [AnyHashable: Primitive] = [:]
  }

  private static let state = Mutex(State())
  private static let primitiveLimit = 1024

  /// Runs the primitive of a description.
  ///
  /// - Parameters:
  ///   - arguments: Pairs of an argument number of oneDNN and a pointer.
  ///   - make: Creates the primitive; called on first use only.
  static func execute(
    _ description: some Hashable & Sendable, _ arguments: [(Int32, UnsafeMutablePointer<Float>)],
    make: (dnnl_engine_t) -> Primitive
  ) {
    let key = Key(description: AnyHashable(description), threads: Compute.threads)
    state.withLock { state in
      omp_set_num_threads(Int32(key.threads))
      let primitive = found(AnyHashable(key), in: &state, make)
      let scratchpad = Storage(primitive.scratchpadSize / 4 + 1)
      var list: [dnnl_exec_arg_t] = []
      for (argument, pointer) in arguments + [(DNNL_ARG_SCRATCHPAD, scratchpad.pointer)] {
        guard let memory = primitive.memories[argument] else { continue }
        check(dnnl_memory_set_data_handle(memory, pointer), "setting a buffer")
        list.append(dnnl_exec_arg_t(arg: argument, memory: memory))
      }
      check(dnnl_primitive_execute(primitive.handle, state.stream, Int32(list.count), list), "running a primitive")
      check(dnnl_stream_wait(state.stream), "waiting")
      keepAlive(scratchpad)
    }
  }

  /// Returns the memory layout that the primitive of a description needs for an argument.
  static func layout(
    of argument: Int32, in description: some Hashable & Sendable, make: (dnnl_engine_t) -> Primitive
  ) -> dnnl_memory_desc_t {
    let key = Key(description: AnyHashable(description), threads: Compute.threads)
    return state.withLock { state in
      omp_set_num_threads(Int32(key.threads))
      return found(AnyHashable(key), in: &state, make).layouts[argument]!
    }
  }

  private struct Key: Hashable {
    let description: AnyHashable
    let threads: Int
  }

  private static func found(
    _ key: AnyHashable, in state: inout State, _ make: (dnnl_engine_t) -> Primitive
  ) -> Primitive {
    if state.engine == nil {
      check(dnnl_engine_create(&state.engine, dnnl_cpu, 0), "starting oneDNN")
      check(
        dnnl_stream_create(&state.stream, state.engine, UInt32(dnnl_stream_default_flags.rawValue)), "starting oneDNN")
    }
    if let primitive = state.primitives[key] { return primitive }
    let primitive = make(state.engine!)
    // Inputs of many sizes must not fill memory with compiled primitives.
    if state.primitives.count >= primitiveLimit { state.primitives = [:] }
    state.primitives[key] = primitive
    return primitive
  }

  /// Stops the program if oneDNN failed: it rejects only wrong descriptions, which are bugs in this folder.
  static func check(_ status: dnnl_status_t, _ action: String) {
    guard status != dnnl_success else { return }
    if status == dnnl_out_of_memory { fatalError("out of memory in oneDNN, \(action)") }
    fatalError("oneDNN failed with status \(status.rawValue), \(action)")
  }
}

/// A compiled operation of oneDNN with the layouts of its arguments. Unchecked for the handles, as `DNNL.State`.
final class Primitive: @unchecked Sendable {
  let handle: dnnl_primitive_t
  let scratchpadSize: Int
  /// Memory layouts by argument number of oneDNN.
  let layouts: [Int32: dnnl_memory_desc_t]
  fileprivate let memories: [Int32: dnnl_memory_t]

  /// Creates a primitive from the descriptor of an operation, which it destroys.
  init(_ descriptor: dnnl_primitive_desc_t, _ arguments: [Int32], engine: dnnl_engine_t) {
    var layouts: [Int32: dnnl_memory_desc_t] = [:]
    for argument in arguments + [DNNL_ARG_SCRATCHPAD] {
      if let layout = dnnl_primitive_desc_query_md(descriptor, dnnl_query_exec_arg_md, argument) {
        layouts[argument] = layout.pointee
      }
    }
    var handle: dnnl_primitive_t?
    DNNL.check(dnnl_primitive_create(&handle, descriptor), "making a primitive")
    dnnl_primitive_desc_destroy(descriptor)
    self.handle = handle!
    self.layouts = layouts
    memories = layouts.mapValues { layout in
      var (layout, memory) = (layout, dnnl_memory_t?.none)
      DNNL.check(dnnl_memory_create(&memory, &layout, engine, nil), "describing a buffer")
      return memory!
    }
    var scratchpad = layouts[DNNL_ARG_SCRATCHPAD]!
    scratchpadSize = dnnl_memory_desc_get_size(&scratchpad)
  }

  deinit {
    for memory in memories.values { dnnl_memory_destroy(memory) }
    dnnl_primitive_destroy(handle)
  }

  /// Creates attributes that make a primitive use scratch memory given by the caller.
  static func attributes() -> dnnl_primitive_attr_t {
    var attributes: dnnl_primitive_attr_t?
    DNNL.check(dnnl_primitive_attr_create(&attributes), "making attributes")
    DNNL.check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "making attributes")
    return attributes!
  }
}

/// Creates the layout of a tensor.
func dnnlLayout(_ sizes: [Int], _ tag: dnnl_format_tag_t) -> dnnl_memory_desc_t {
  var layout = dnnl_memory_desc_t()
  let rank = sizes.count
  let sizes = sizes.map { Int64($0) } + [Int64](repeating: 0, count: 12 - rank)
  DNNL.check(
    dnnl_memory_desc_init_by_tag(&layout, Int32(rank), sizes, dnnl_f32, tag), "describing a tensor of \(sizes)")
  return layout
}
