import Glibc

extension Context {
  /// Number of processors of the machine that are online, at least 1.
  public static let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
