import CMedia

/// Makes the C library keep freed memory instead of returning it to the system each time, for the whole process. An
/// executable calls this at its start; libraries never do.
///
/// By default glibc returns more than 128 KB of free memory at the top of a thread's arena, and requests larger blocks
/// from the system one by one. With images allocated and freed all the time, the kernel then clears the same pages
/// again and again (measured: a quarter of the time of decoding and resizing small photographs). At most 64 MB per
/// arena are kept.
public func keepFreedMemory() {
  _ = mallopt(M_TRIM_THRESHOLD, 64 << 20)
  _ = mallopt(M_MMAP_THRESHOLD, 16 << 20)
  _ = mallopt(M_TOP_PAD, 1 << 20)
}
