import CMedia

/// Makes the C library keep freed memory instead of returning it to the system each time.
///
/// By default glibc hands a thread's topmost free memory back beyond 128 KB, and takes blocks beyond that from the system
/// one by one; with images coming and going, the kernel then clears the same pages again and again (measured: a quarter
/// of the time of decoding and resizing small photographs). Kept are at most 64 MB a thread's arena. The first read of
/// this variable does it, for the whole process.
public let freedMemoryIsKept: Bool =
  mallopt(M_TRIM_THRESHOLD, 64 << 20) == 1 && mallopt(M_MMAP_THRESHOLD, 16 << 20) == 1
  && mallopt(M_TOP_PAD, 1 << 20) == 1
