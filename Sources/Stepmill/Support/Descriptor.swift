#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Gives a file descriptor back. Once each: closed twice, its number may be somebody else's
/// file by then, so a build for debugging stops there.
package func closeDescriptor(_ descriptor: Int32) {
  let code = close(descriptor)
  assert(code == 0 || errno != EBADF, "descriptor \(descriptor) is not open")
}
