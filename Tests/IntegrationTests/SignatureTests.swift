import Stepmill
import Testing

@testable import StepmillIntegrations

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Proves that signatures are those that AWS's clients make and its servers check.
@Suite struct SignatureTests {
  static let credentials = AWSCredentials(
    accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
  static let second = AWSTime.second("20150830T123600Z")!

  /// The vectors of AWS's published test suite: service "service", us-east-1, Host example.amazonaws.com.
  @Test(arguments: [
    ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    (
      "GET", "/?Param2=value2&Param1=value1",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    ),
    ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
  ]) func publishedVectors(method: String, target: String, signature: String) {
    var request = HTTPClientRequest(method: method, url: "https://example.amazonaws.com\(target)")
    SignatureV4.sign(
      &request, credentials: Self.credentials, region: "us-east-1", service: "service", second: Self.second)
    #expect(
      request.header("Authorization")
        == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        + "SignedHeaders=host;x-amz-date, Signature=\(signature)")
  }

  @Test func timesAreReadAndWritten() {
    for text in ["20150830T123600Z", "19700101T000000Z", "20240229T235959Z", "21000301T000000Z"] {
      #expect(AWSTime.second(text).map(AWSTime.text) == text)
    }
    for text in ["", "2015-08-30T12:36:00Z", "20151330T123600Z", "20150830T243600Z", "20150830T123600"] {
      #expect(AWSTime.second(text) == nil)
    }
  }

  // MARK: Verifying

  static func signed(
    credentials: AWSCredentials = credentials, second: Int64 = second, service: String = "states",
    url: String = "http://localhost:8083/", signsPayload: Bool = true
  ) -> HTTPClientRequest {
    var request = HTTPClientRequest(method: "POST", url: url, body: Array("{}".utf8))
    request.headers = [("X-Amz-Target", "AWSStepFunctions.ListStateMachines")]
    SignatureV4.sign(
      &request, credentials: credentials, region: "eu-west-1", service: service, second: second,
      signsPayload: signsPayload)
    request.headers.append(("Host", "localhost:8083"))
    return request
  }

  static func verify(_ request: HTTPClientRequest, second: Int64 = second) throws(SignatureError)
    -> CredentialScope
  {
    let verifier = SignatureVerifier([credentials], service: "states")
    let target = String(request.url.dropFirst("http://localhost:8083".count))
    var result: Result<CredentialScope, SignatureError>?
    request.body.withUnsafeBytes { body in
      result = Result { () throws(SignatureError) in
        try verifier.verify(
          method: request.method, target: target, headers: request.headers, body: body, second: second)
      }
    }
    return try result!.get()
  }

  static func refusal(_ request: HTTPClientRequest, second: Int64 = second) -> SignatureError? {
    do {
      _ = try verify(request, second: second)
      return nil
    } catch { return error }
  }

  @Test func whatIsSignedIsAccepted() throws {
    let scope = try Self.verify(Self.signed())
    #expect(scope.region == "eu-west-1" && scope.accessKey == "AKIDEXAMPLE" && scope.service == "states")
    #expect(CredentialScope(authorization: Self.signed().header("Authorization")!) == scope)
    #expect(CredentialScope(authorization: "Bearer x") == nil)
    _ = try Self.verify(Self.signed(url: "http://localhost:8083/a//b/../c%20d?z=1&a=%2F&a=&b"))
    _ = try Self.verify(Self.signed(signsPayload: false))
    _ = try Self.verify(Self.signed(), second: Self.second + 299)
    _ = try Self.verify(Self.signed(), second: Self.second - 299)
  }

  @Test func whatIsChangedIsRefused() {
    for change: (inout HTTPClientRequest) -> Void in [
      { $0.body = Array("[]".utf8) }, { $0.method = "PUT" }, { $0.url += "x" }, { $0.url += "?a=b" },
      { $0.headers[0].value += "x" }, { $0.headers[0].name = "X-Amz-Other" },
    ] {
      var request = Self.signed()
      change(&request)
      #expect(Self.refusal(request)?.type == "InvalidSignatureException")
    }
    let other = AWSCredentials(accessKey: "AKIDEXAMPLE", secretKey: "wrong")
    let error = Self.refusal(Self.signed(credentials: other))
    #expect(error?.message.hasPrefix("The request signature we calculated does not match") == true)
  }

  @Test func refusalsAreNamedAsAWSNamesThem() {
    let unknown = AWSCredentials(accessKey: "AKIDOTHER", secretKey: "x")
    #expect(
      Self.refusal(Self.signed(credentials: unknown))
        == SignatureError(
          type: "UnrecognizedClientException",
          message: "The security token included in the request is invalid."))
    let temporary = AWSCredentials(
      accessKey: "AKIDEXAMPLE", secretKey: Self.credentials.secretKey, sessionToken: "token")
    #expect(Self.refusal(Self.signed(credentials: temporary))?.type == "UnrecognizedClientException")
    #expect(
      Self.refusal(Self.signed(), second: Self.second + 301)
        == SignatureError(
          type: "InvalidSignatureException",
          message: "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
            + "(20150830T124101Z - 5 min.)"))
    #expect(
      Self.refusal(Self.signed(), second: Self.second - 301)?.message
        == "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z "
        + "(20150830T123059Z + 5 min.)")
    #expect(Self.refusal(Self.signed(service: "sqs"))?.message.contains("correct service: 'states'") == true)
    var request = Self.signed()
    request.headers.removeAll { $0.name == "Authorization" }
    #expect(Self.refusal(request)?.type == "MissingAuthenticationTokenException")
    request.headers.append(("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request"))
    #expect(
      Self.refusal(request)
        == SignatureError(
          type: "IncompleteSignatureException",
          message: "Authorization header requires 'Signature' parameter. Authorization header requires "
            + "'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256"))
    request.headers[request.headers.count - 1].value = "Bearer x"
    #expect(Self.refusal(request)?.type == "IncompleteSignatureException")
  }

  // MARK: botocore

  /// Requests of all shapes, signed by botocore at one moment: a line of JSON for each.
  static let script = #"""
    import datetime, json, random
    import botocore.auth as auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    now = datetime.datetime(2024, 2, 29, 23, 59, 58, tzinfo=datetime.timezone.utc)
    if hasattr(auth, 'get_current_datetime'):
        auth.get_current_datetime = lambda remove_tzinfo=True: now.replace(tzinfo=None) if remove_tzinfo else now
    else:
        class Fixed(datetime.datetime):
            @classmethod
            def utcnow(cls): return now.replace(tzinfo=None)
        auth.datetime.datetime = Fixed
    random.seed(SEED)
    def text(chars, most): return ''.join(random.choice(chars) for _ in range(random.randint(0, most)))
    for number in range(400):
        service = random.choice(['states', 'lambda', 'sqs', 's3', 'execute-api'])
        path = '/' + text("abz09/.-_~%:+=@ ,$!'()*", 12).replace('%', '%25').replace(' ', '%20')
        query = '&'.join(random.choice(['a', 'b', 'B', 'a%20b', 'z-', '']) + random.choice(['', '=']) + text('xyz%019/+~', 4).replace('%', '%2F')
                         for _ in range(random.randint(0, 4))) if random.random() < 0.5 else ''
        query = '&'.join(pair for pair in query.split('&') if pair and not pair.startswith('='))
        host = random.choice(['localhost:8083', 'example.org', 'states.eu-west-1.amazonaws.com:443', 'h:80'])
        url = random.choice(['http', 'https']) + '://' + host + path + ('?' + query if query else '')
        headers = {}
        for name in random.sample(['X-Amz-Target', 'Content-Type', 'X-A', 'User-Agent', 'x-zz', 'Range'], random.randint(0, 4)):
            headers[name] = ('v ' + text('ab  ,;"=', 8) + ' w').strip()
        body = text('abc{}\u00e9', 20).encode()
        token = 'token/+=' if random.random() < 0.3 else None
        key = Credentials('AKID', 'secret/+', token)
        request = AWSRequest(method=random.choice(['GET', 'POST', 'PUT', 'DELETE']), url=url, headers=headers, data=body)
        kind = auth.S3SigV4Auth if service == 's3' else auth.SigV4Auth
        presigned = random.random() < 0.25
        if presigned:
            kind = auth.S3SigV4QueryAuth if service == 's3' else auth.SigV4QueryAuth
            request.data = body = b''
        kind(key, service, 'eu-west-1').add_auth(request)
        prepared = request.prepare()
        print(json.dumps({'method': request.method, 'url': url, 'signedURL': request.url, 'given': list(headers.items()),
            'headers': [[k, v] for k, v in request.headers.items()], 'body': body.decode(), 'service': service,
            'token': token, 'presigned': presigned, 'authorization': request.headers.get('Authorization')}))
    """#

  static func python(_ script: String) -> (status: Int32, output: String) {
    let path = "/tmp/stepmill-signatures-\(getpid()).py"
    guard let file = fopen(path, "w") else { return (-1, "") }
    fputs(script, file)
    fclose(file)
    defer { unlink(path) }
    guard let pipe = popen("python3 \(path) 2>&1", "r") else { return (-1, "") }
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&piece, 1, piece.count, pipe), count > 0 { output += piece[..<count] }
    return (pclose(pipe), String(decoding: output, as: UTF8.self))
  }

  static let hasBotocore = python("import botocore.auth").status == 0

  @Test(.enabled(if: hasBotocore, "python3 with botocore is not installed"))
  func botocoreSignsTheSame() throws {
    let seed = UInt32.random(in: 0...UInt32.max)
    let (status, output) = Self.python(Self.script.replacing("SEED", with: "\(seed)"))
    #expect(status == 0, "\(output.suffix(2000))")
    let second = AWSTime.second("20240229T235958Z")!
    var presigned = 0
    for line in output.split(separator: "\n") {
      let theirs = try JSON(parsing: Array(line.utf8))
      func pairs(_ name: String) -> [(name: String, value: String)] {
        theirs[name]!.array!.map { (name: $0[0]!.string!, value: $0[1]!.string!) }
      }
      let credentials = AWSCredentials(
        accessKey: "AKID", secretKey: "secret/+", sessionToken: theirs["token"]?.string)
      let service = theirs["service"]!.string!
      var request = HTTPClientRequest(
        method: theirs["method"]!.string!, url: theirs["url"]!.string!, headers: pairs("given"),
        body: Array(theirs["body"]!.string!.utf8))
      let isPresigned = theirs["presigned"]!.bool!
      if isPresigned {
        presigned += 1
      } else {
        SignatureV4.sign(
          &request, credentials: credentials, region: "eu-west-1", service: service, second: second)
        #expect(request.header("Authorization") == theirs["authorization"]?.string, "seed \(seed): \(line)")
      }
      // The other side accepts what botocore signs.
      let url = SplitURL(theirs["signedURL"]!.string!)
      let target = (url.path.isEmpty ? "/" : url.path) + (url.query.isEmpty ? "" : "?\(url.query)")
      let verifier = SignatureVerifier([credentials])
      request.body.withUnsafeBytes { body in
        #expect(throws: Never.self, "seed \(seed): \(line)") {
          try verifier.verify(
            method: request.method, target: target, headers: pairs("headers") + [("Host", url.host)],
            body: body,
            second: second + 10)
        }
        if isPresigned {
          #expect(throws: SignatureError.self) {
            try verifier.verify(
              method: request.method, target: target, headers: pairs("headers") + [("Host", url.host)],
              body: body,
              second: second + 3601)
          }
        }
      }
    }
    #expect(presigned > 50)
  }
}

extension HTTPClientRequest {
  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
