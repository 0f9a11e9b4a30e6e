#if !STEPMILL_FUZZER
  import Testing

  #if canImport(CHTTPParser)
    private let hasOracle = true
  #else
    private let hasOracle = false
  #endif

  /// Proves on some ten thousand damaged requests that the HTTP parser reads what it accepts as
  /// http-parser does. The seed is printed with a failure, as the position in this loop.
  @Suite struct HTTPMutationTests {
    static let seeds: [String] = [
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nA: b\r\n\r\nhello worldGET / HTTP/1.1\r\nHost: y\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\nHost: z\r\n\r\n",
      "GET /p?q HTTP/1.0\r\nConnection: keep-alive\r\nX:  a  \r\n\r\nPUT /r HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    ]
    static let pieces: [String] = [
      "\r\n", "\n", "\r", " ", "\t", ":", "0", "5", ";", "chunked", "Content-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\n", "Host: x\r\n", "HTTP/1.1", "\u{0}", "a", "Connection: close\r\n",
      "\r\n\r\n",
    ]

    @Test(.enabled(if: hasOracle, "http-parser is not installed (Debian: libhttp-parser-dev)"))
    func damagedRequestsAreReadAlike() {
      var random = SystemRandomNumberGenerator()
      var generator = SplitMix(state: random.next())
      for _ in 0..<20_000 {
        var bytes = Array(Self.seeds[generator.next(Self.seeds.count)].utf8)
        for _ in 0...generator.next(3) {
          let place = generator.next(bytes.count)
          switch generator.next(4) {
          case 0: bytes.remove(at: place)
          case 1: bytes[place] = UInt8(generator.next(256))
          case 2:
            bytes.insert(contentsOf: Array(Self.pieces[generator.next(Self.pieces.count)].utf8), at: place)
          default: bytes.swapAt(place, generator.next(bytes.count))
          }
          if bytes.isEmpty { break }
        }
        bytes.withUnsafeBytes { HTTPFuzz.run($0) }
      }
    }
  }

  private struct SplitMix {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var word = state
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((word ^ (word >> 31)) % UInt64(max(bound, 1)))
    }
  }
#endif
