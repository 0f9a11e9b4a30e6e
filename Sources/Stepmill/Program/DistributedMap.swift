// What a Distributed Map has beyond an inline one.
//
// Its item processor is a machine of its own: children are executions that see nothing of
// their parent, so it is compiled to a program of its own. The rest are fields that are
// evaluated once per Map Run, which is why they are ordinary Swift values and no table.

/// The fields of a Distributed Map, compiled. Indexes are those of the program it belongs to.
struct DistributedMap {
  /// A number of the definition: written, or found by a path or an expression.
  enum Bound {
    case absent
    case literal(Double)
    case path(UInt32)
    case expression(UInt32)
  }

  struct Reader {
    /// `getObject` or `listObjectsV2`.
    var action: String
    /// The template of `Parameters` or `Arguments`; 0: there is none.
    var request: UInt32
    var config: MapReaderConfig
    var itemsMax = Bound.absent
  }

  struct Batcher {
    var itemsMax = Bound.absent
    var bytesMax = Bound.absent
    /// A template, or 0.
    var input: UInt32 = 0
  }

  struct Writer {
    /// The template of `Parameters` or `Arguments`; 0: results stay with the state.
    var request: UInt32
    var config: MapWriterConfig
  }

  /// Unique in its machine: a part of the ARNs of the run and its children.
  var label: String
  /// The children's `ExecutionType`.
  var isExpress: Bool
  /// The item processor.
  var program: Program
  var reader: Reader?
  var batcher: Batcher?
  var writer: Writer?
  var failureCount = Bound.absent
  var failurePercentage = Bound.absent
}

/// `ReaderConfig`, without `MaxItems`.
package struct MapReaderConfig: Sendable, Hashable {
  package enum InputType: String, Sendable {
    case csv = "CSV"
    case json = "JSON"
    case jsonl = "JSONL"
    case parquet = "PARQUET"
    case manifest = "MANIFEST"
  }

  package enum ManifestType: String, Sendable {
    case athenaData = "ATHENA_DATA"
    case inventory = "S3_INVENTORY"
  }

  package var inputType: InputType?
  package var manifestType: ManifestType?
  /// `LOAD_AND_FLATTEN`: the items of all listed objects, one after the other.
  package var loadsObjects = false
  /// Nil: the first row has them.
  package var csvHeaders: [String]?
  /// `COMMA`, `PIPE`, `SEMICOLON`, `SPACE` or `TAB`.
  package var csvDelimiter = "COMMA"
  /// A JSON Pointer to what is gone through.
  package var itemsPointer = ""

  package init() {}
}

/// `WriterConfig`, with what holds where it is absent.
package struct MapWriterConfig: Sendable, Hashable {
  package enum Transformation: String, Sendable {
    case none = "NONE"
    case compact = "COMPACT"
    case flatten = "FLATTEN"
  }

  package var transformation = Transformation.none
  /// `JSONL` rather than `JSON`.
  package var isLines = false

  package init() {}
}

extension DistributedMap {
  /// The label of a Map that was given none: the same whenever the definition is compiled. It
  /// follows from the state's name, which is unique in a machine, as a UUID of version 3.
  package static func label(ofState name: String) -> String {
    var hash = [UInt8](repeating: 0, count: 16)
    var name = name
    name.withUTF8 { text in
      hash.withUnsafeMutableBytes {
        MD5.hash(UnsafeRawBufferPointer(text), into: $0.baseAddress.unsafelyUnwrapped)
      }
    }
    hash[6] = hash[6] & 0x0F | 0x30
    hash[8] = hash[8] & 0x3F | 0x80
    let halves = hash.withUnsafeBytes { bytes in
      (
        high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
        low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    return UUIDText.text(halves)
  }
}

/// The label of a Distributed Map that was given none, for those who look one up by it.
package func generatedMapLabel(ofState name: String) -> String { DistributedMap.label(ofState: name) }
