#if STEPMILL_FUZZER
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// What libFuzzer calls. The environment says which subject it is for.
  private let subject: FuzzSubject = {
    guard let name = getenv("STEPMILL_FUZZ_SUBJECT"),
      let subject = FuzzSubject(rawValue: String(cString: name))
    else { fatalError("set STEPMILL_FUZZ_SUBJECT to one of \(FuzzSubject.allCases.map(\.rawValue))") }
    return subject
  }()

  @c(LLVMFuzzerTestOneInput)
  public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    subject.run(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
  }
#endif
