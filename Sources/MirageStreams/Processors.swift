import Glibc

extension Context {
  /// How many processors this process may use.
  public static let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
