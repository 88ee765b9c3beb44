import CMedia

/// Makes the C library keep freed memory instead of returning it to the system each time, for the whole process.
///
/// By default glibc hands a thread's topmost free memory back beyond 128 KB, and takes blocks beyond that from the system
/// one by one; with images coming and going, the kernel then clears the same pages again and again (measured: a quarter
/// of the time of decoding and resizing small photographs). At most 64 MB a thread's arena are kept. The setting belongs to
/// the executable, which calls this as it starts; libraries never do.
public func keepFreedMemory() {
  _ = mallopt(M_TRIM_THRESHOLD, 64 << 20)
  _ = mallopt(M_MMAP_THRESHOLD, 16 << 20)
  _ = mallopt(M_TOP_PAD, 1 << 20)
}
