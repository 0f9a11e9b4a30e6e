import Stepmill
import Testing

@testable import StepmillGraph

/// Proves the prices against AWS' published examples.
@Suite struct PriceTests {
  private func isNear(_ value: Double, _ expected: Double) -> Bool { (value - expected).magnitude < 0.005 }

  /// 100 million requests of 10 seconds with 64 MB: 100.00 USD and 382.97 USD.
  @Test func expressTiers() {
    let sum = Prices.express(runs: 100e6, seconds: 10, megabytes: 64)
    #expect(isNear(sum - 100e6 * Prices.expressRequest, 382.97))
    #expect(isNear(sum, 482.97))
  }

  /// One million runs of 100 ms: 1.10 USD.
  @Test func expressShort() {
    #expect(isNear(Prices.express(runs: 1e6, seconds: 0.1, megabytes: 64), 1.10))
  }

  /// A Map of 10 million items with 5 transitions each: 1,250 USD.
  @Test func standardMap() {
    #expect(isNear(Prices.standard(transitions: 10e6 * 5), 1250))
  }

  @Test func steps() {
    #expect(Prices.billedSeconds(0) == 0.1)
    #expect(Prices.billedSeconds(0.3) == 0.1 * 3)
    #expect((Prices.billedSeconds(0.301) - 0.4).magnitude < 1e-9)
    #expect(Prices.expressMegabytes(definitionBytes: 3000, payloadBytes: 1000, branches: 1) == 64)
    #expect(Prices.expressMegabytes(definitionBytes: 0, payloadBytes: 262_144, branches: 57) == 128)
  }
}

/// Proves forecasts of machines small enough to count by hand.
@Suite struct PredictionTests {
  private func predict(
    _ text: String, sample: JSON? = nil, _ change: (inout Prediction.Options) -> Void = { _ in }
  ) throws -> Prediction {
    var options = Prediction.Options()
    options.sample = sample
    change(&options)
    return Prediction(try outline(text), options: options)
  }

  private func span(_ prediction: Prediction, _ metric: Forecast.Metric) -> [Double] {
    [prediction.whole[metric].least, prediction.whole[metric].most]
  }

  @Test func chain() throws {
    let prediction = try predict(Cases.chain(4))
    #expect(span(prediction, .transitions) == [4, 4])
    #expect(span(prediction, .events) == [10, 10])
    #expect(prediction.paths.map(\.states) == [["S1", "S2", "S3", "S4"]])
    let report = PredictionReport(prediction, runs: 1)
    #expect(report.duration == .always && report.events == .always && report.payload == .possibly)
  }

  @Test func loopsHaveNoBound() throws {
    let prediction = try predict(Cases.retry)
    #expect(prediction.whole[.transitions].most == .infinity)
    #expect(prediction.whole[.waiting] == Forecast.Span(least: 90, most: .infinity))
    #expect(prediction.whole[.transitions].least == 4)
    #expect(prediction.loops == [["Pause", "Poll", "Done?"]])
    #expect(prediction.paths.map(\.endsInFailure) == [false, true])
    #expect(prediction.paths[0].loopStates == ["Pause", "Poll", "Done?"])
    #expect(PredictionReport(prediction, runs: 1).text(title: "x", width: 80).contains("unbounded"))
  }

  /// Two retries after 10 and 20 seconds, each with three events and a transition.
  @Test func retries() throws {
    let prediction = try predict(
      #"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","TimeoutSeconds":5,"End":true,"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":10,"MaxAttempts":2,"BackoffRate":2}]}}}"#
    )
    #expect(span(prediction, .transitions) == [1, 3])
    #expect(span(prediction, .events) == [7, 13])
    #expect(span(prediction, .waiting) == [0, 30])
    #expect(span(prediction, .duration) == [0, 45])
    #expect(span(prediction, .attempts) == [1, 3])
    #expect(PredictionReport(prediction, runs: 1).duration == .always)
  }

  @Test func sampleDecides() throws {
    let text = """
      {"StartAt":"C","States":{
        "C":{"Type":"Choice","Choices":[{"Variable":"$.kind","StringEquals":"slow","Next":"W"}],"Default":"Q"},
        "W":{"Type":"Wait","SecondsPath":"$.seconds","Next":"M"},
        "Q":{"Type":"Pass","Next":"M"},
        "M":{"Type":"Map","ItemsPath":"$.lines","MaxConcurrency":1,"ItemProcessor":{
          "StartAt":"I","States":{"I":{"Type":"Wait","Seconds":100,"End":true}}},"End":true}}}
      """
    let open = try predict(text)
    #expect(open.whole[.waiting] == Forecast.Span(least: 0, most: .infinity))
    let slow = try predict(text, sample: ["kind": "slow", "seconds": 7, "lines": [1, 2, 3]])
    #expect(span(slow, .waiting) == [307, 307])
    #expect(span(slow, .transitions) == [6, 6])
    // Started, C 2, W 2, M 4, three items of 4, succeeded.
    #expect(span(slow, .events) == [22, 22])
    #expect(slow.paths.map(\.states) == [["C", "W", "M"]])
    #expect(PredictionReport(slow, runs: 1).duration == .never)
    let quick = try predict(text, sample: ["kind": "quick", "lines": []])
    #expect(span(quick, .waiting) == [0, 0])
    #expect(quick.paths.map(\.states) == [["C", "Q", "M"]])
  }

  @Test func parallelTakesTheLongest() throws {
    let prediction = try predict(
      #"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":10,"End":true}}},{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":30,"End":true}}}]}}}"#
    )
    #expect(span(prediction, .waiting) == [30, 30])
    #expect(span(prediction, .events) == [10, 10])
    #expect(prediction.branchesAtOnce.most == 2)
  }

  @Test func largeData() throws {
    let filling = String(repeating: "x", count: 300_000)
    let prediction = try predict(
      #"{"StartAt":"A","States":{"A":{"Type":"Pass","Result":"\#(filling)","End":true}}}"#)
    #expect(PredictionReport(prediction, runs: 1).payload == .never)
    #expect(prediction.largestKnown?.state == "A")
  }

  @Test func timeoutOfTheDefinition() throws {
    let prediction = try predict(
      #"{"TimeoutSeconds":60,"StartAt":"T","States":{"T":{"Type":"Task","Resource":"t","End":true}}}"#)
    #expect(span(prediction, .duration) == [0, 60])
  }

  /// What has no bound is null, and the report says why.
  @Test func json() throws {
    let json = PredictionReport(try predict(Cases.retry), runs: 1000).json
    #expect(json["run"]?["transitions"] == ["least": 4, "most": .null])
    #expect(json["limits"]?["standardEvents"]?["met"] == "possibly")
    #expect(json["price"]?["runs"] == 1000)
    #expect(json["assumptions"]?.count ?? 0 >= 5)
  }

  /// A chain of many states, and a circle through all of them.
  @Test func largeDefinitions() throws {
    #expect(try predict(Cases.chain(20_000)).whole[.transitions].most == 20_000)
    #expect(try predict(Cases.mirrored(3000)).whole[.transitions].most == .infinity)
  }

  @Test(.enabled(if: Corpus.isHere, "the corpus of real definitions is not here"))
  func realDefinitions() throws {
    for (name, outline) in try Corpus.definitions() {
      let report = PredictionReport(Prediction(try #require(outline)), runs: 1)
      #expect(report.text(title: name, width: 80).contains("Assumptions"))
      let whole = report.json["run"]
      #expect((whole?["transitions"]?["least"]?.int ?? 0) >= 1, "\(name)")
    }
  }
}
