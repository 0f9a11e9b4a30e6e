import Stepmill
import StepmillBatch

/// A page of a bucket's list.
struct S3ListPage {
  var entries: [ObjectEntry] = []
  var isTruncated = false
  /// Where to go on.
  var token: String?

  init(parsing document: [UInt8]) throws(BucketError) {
    let root: XMLElement
    do throws(XMLError) {
      root = try XMLReader.read(document)
    } catch {
      throw S3Client.nonsense("\(error.description) in the list of objects")
    }
    guard root.name == "ListBucketResult" else { throw S3Client.nonsense("'\(root.name)' is no list") }
    let isEncoded = root.child("EncodingType")?.text == "url"
    for child in root.children {
      switch child.name {
      case "Contents": entries.append(try Self.entry(child, isEncoded))
      case "IsTruncated": isTruncated = child.text == "true"
      case "NextContinuationToken": token = child.text
      default: break
      }
    }
  }

  private static func entry(_ element: XMLElement, _ isEncoded: Bool) throws(BucketError) -> ObjectEntry {
    guard let written = element.child("Key")?.text,
      let key = isEncoded ? PercentEncoding.decoded(written) : written
    else { throw S3Client.nonsense("an object without a key in the list of objects") }
    guard let size = element.child("Size").flatMap({ Int($0.text) }), size >= 0 else {
      throw S3Client.nonsense("'\(key)' without a size in the list of objects")
    }
    var entry = ObjectEntry(
      key: key, size: size, etag: element.child("ETag")?.text ?? "",
      modified: element.child("LastModified").flatMap { UTCText.milliseconds($0.text) } ?? 0)
    if let storageClass = element.child("StorageClass")?.text, !storageClass.isEmpty {
      entry.storageClass = storageClass
    }
    return entry
  }
}
