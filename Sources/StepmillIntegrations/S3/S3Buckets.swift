import Stepmill
import StepmillBatch

/// The buckets behind an endpoint of S3's.
///
/// ```swift
/// var configuration = IntegrationConfiguration(environment: environment)
/// configuration.endpoints["s3"] = "http://127.0.0.1:5000"
/// let buckets = S3Buckets(configuration, on: runtime)
/// let bucket = try buckets?.bucket("rows")
/// ```
package final class S3Buckets: Sendable {
  private let client: S3Client
  /// Where it is nobody else's.
  private let http: HTTPClient?

  /// With a client of their own. Nil: nobody said where S3 is.
  package convenience init?(_ configuration: IntegrationConfiguration, on runtime: Runtime) {
    guard Self.isConfigured(configuration) else { return nil }
    let http = configuration.client(on: runtime)
    self.init(configuration.client(http, on: runtime), http, region: configuration.region)
  }

  /// With somebody else's client. Nil: it does not know where S3 is.
  init?(_ client: AWSClient, _ http: HTTPClient? = nil, region: String, bounds: S3Client.Bounds = .init()) {
    guard let endpoint = client.endpoints.endpoint(of: S3Rows.service) else { return nil }
    self.client = S3Client(client: client, endpoint: endpoint, region: region, bounds: bounds)
    self.http = http
  }

  /// Whether somebody said where S3 is.
  package static func isConfigured(_ configuration: IntegrationConfiguration) -> Bool {
    Endpoints(configuration.endpoints, environment: configuration.environment).endpoint(of: S3Rows.service)
      != nil
  }

  /// A bucket, of which only the first call tells whether it is there.
  package func bucket(_ name: String) throws(BucketError) -> any Bucket { try S3Bucket(name, client) }

  /// Cancels what is under way, and closes the connections of a client of their own.
  package func close() { http?.close() }
}
