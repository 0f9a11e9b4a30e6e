/// One of the six workloads that every performance figure is measured on: a definition, its
/// input, and how many states one execution enters (a retried attempt counts again).
public struct Workload: Sendable {
  public let name: String
  public let summary: String
  public let definition: [UInt8]
  public let input: [UInt8]
  public let transitions: Int

  init(_ name: String, _ summary: String, definition: String, input: String, transitions: Int) {
    self.name = name
    self.summary = summary
    self.definition = Array(definition.utf8)
    self.input = Array(input.utf8)
    self.transitions = transitions
  }

  /// W1 to W6 at their published sizes.
  public static let all = [
    passChain(), choiceLoop(), order(), fanOut(), parallel(), waiting(),
  ]

  public static func named(_ name: String) -> Workload? { all.first { $0.name == name } }
}

extension Workload: CustomStringConvertible {
  public var description: String { "\(name): \(summary)" }
}

extension Workload {
  /// W1: Pass states in a row.
  public static func passChain(states: Int = 100) -> Workload {
    let chain = (1...states).map { index in
      #""P\#(index)":{"Type":"Pass",\#(index < states ? #""Next":"P\#(index + 1)""# : #""End":true"#)}"#
    }
    return Workload(
      "W1", "\(states) Pass states in a row",
      definition: #"{"StartAt":"P1","States":{\#(chain.joined(separator: ","))}}"#,
      input: #"{"n":1}"#, transitions: states)
  }

  /// W2: counts to `limit` with a Choice and a Pass.
  public static func choiceLoop(limit: Int = 100) -> Workload {
    Workload(
      "W2", "Choice + Pass with States.MathAdd until n = \(limit)",
      definition: compact(
        """
        {"StartAt":"Check","States":{
        "Check":{"Type":"Choice","Choices":[
        {"Variable":"$.n","NumericEquals":\(limit),"Next":"Done"}],"Default":"Inc"},
        "Inc":{"Type":"Pass","Parameters":{"n.$":"States.MathAdd($.n, 1)"},"Next":"Check"},
        "Done":{"Type":"Succeed"}}}
        """),
      input: #"{"n":0}"#, transitions: 2 * limit + 2)
  }

  /// W3: a realistic order. Published with a retry interval of one second; benchmarks that
  /// measure speed and not patience take zero.
  public static func order(retryIntervalSeconds: Int = 1) -> Workload {
    Workload(
      "W3", "a realistic order: templates, choices, a Task with one retry",
      definition: compact(
        """
        {"StartAt":"Prepare","States":{
        "Prepare":{"Type":"Pass","Parameters":{
        "orderId.$":"$.order.id","customer.$":"$.order.customer.name","total.$":"$.order.total",
        "lineCount.$":"States.ArrayLength($.order.items)"},
        "ResultPath":"$.summary","Next":"CheckOrder"},
        "CheckOrder":{"Type":"Choice","Choices":[{"And":[
        {"Variable":"$.order.total","NumericGreaterThan":100},
        {"Variable":"$.order.currency","StringEquals":"EUR"},
        {"Variable":"$.order.customer.tier","StringEquals":"gold"},
        {"Variable":"$.summary.lineCount","NumericGreaterThanEquals":1}],
        "Next":"Priority"}],"Default":"Standard"},
        "Priority":{"Type":"Pass","Result":{"queue":"priority","discount":10},
        "ResultPath":"$.routing","Next":"Charge"},
        "Standard":{"Type":"Pass","Result":{"queue":"standard","discount":0},
        "ResultPath":"$.routing","Next":"Charge"},
        "Charge":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:charge",
        "Parameters":{"orderId.$":"$.order.id","amount.$":"$.order.total"},
        "ResultPath":"$.payment","Retry":[{"ErrorEquals":["PaymentError"],
        "IntervalSeconds":\(retryIntervalSeconds),"MaxAttempts":2,"BackoffRate":2}],
        "Next":"CheckPayment"},
        "CheckPayment":{"Type":"Choice","Choices":[
        {"Variable":"$.payment.status","StringEquals":"OK","Next":"Finalize"}],"Default":"Done"},
        "Finalize":{"Type":"Pass","Parameters":{"status":"DONE","orderId.$":"$.order.id",
        "queue.$":"$.routing.queue","discount.$":"$.routing.discount",
        "transactionId.$":"$.payment.id","summary.$":"$.summary","items.$":"$.order.items",
        "shipTo.$":"$.order.shipTo"},"Next":"Done"},
        "Done":{"Type":"Succeed"}}}
        """),
      input: compact(
        """
        {"order":{"id":"ORD-2026-000123","currency":"EUR","total":249.95,
        "placedAt":"2026-11-20T23:12:08Z",
        "customer":{"id":"C-99812","name":"Alexandra Lindqvist","tier":"gold",
        "email":"alexandra.lindqvist@example.com","marketing":false},
        "shipTo":{"street":"Storgatan 14","city":"Malmö","zip":"21142","country":"SE","notes":null},
        "items":[
        {"sku":"SKU-1000","name":"Trail running shoe, size 43","qty":1,"price":129.95,
        "tags":["shoes","outdoor"]},
        {"sku":"SKU-1001","name":"Merino base layer","qty":2,"price":39.5,"tags":["apparel"]},
        {"sku":"SKU-1002","name":"Soft flask 500 ml","qty":2,"price":12.0,
        "tags":["hydration","outdoor"]},
        {"sku":"SKU-1003","name":"Headlamp 400 lm","qty":1,"price":17.0,"tags":["light"]}],
        "channel":"web","campaign":"autumn-2026","giftWrap":false,
        "meta":{"ip":"203.0.113.24","agent":"Mozilla/5.0 (X11; Linux x86_64)",
        "session":"7b1c9ad2-3f4e-4b68-9c0a-2f5d5f1e7a11"}}}
        """),
      transitions: 8)
  }

  /// W4: an inline Map of Pass, Task and Pass over generated items.
  public static func fanOut(items: Int = 1000) -> Workload {
    Workload(
      "W4", "inline Map over \(items) items, MaxConcurrency 40, Pass + Task + Pass",
      definition: compact(
        """
        {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":40,
        "ItemProcessor":{"ProcessorConfig":{"Mode":"INLINE"},"StartAt":"Mark","States":{
        "Mark":{"Type":"Pass","Result":{"stage":"in"},"ResultPath":"$.mark","Next":"Calc"},
        "Calc":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:calc",
        "Parameters":{"qty.$":"$.qty","price.$":"$.price"},"ResultPath":"$.calc","Next":"Shape"},
        "Shape":{"Type":"Pass","Parameters":{"id.$":"$.id","total.$":"$.calc.total",
        "stage.$":"$.mark.stage","zone.$":"$.wh.zone"},"End":true}}},"End":true}}}
        """),
      input: CatalogueItems.document(count: items), transitions: 3 * items + 1)
  }

  /// W5: Pass states in parallel branches.
  public static func parallel(branches: Int = 8, states: Int = 5) -> Workload {
    let texts = (0..<branches).map { branch in
      let chain = (0..<states).map { index in
        let exit = index + 1 < states ? #""Next":"B\#(branch)S\#(index + 1)""# : #""End":true"#
        return #""B\#(branch)S\#(index)":{"Type":"Pass",\#(exit)}"#
      }
      return #"{"StartAt":"B\#(branch)S0","States":{\#(chain.joined(separator: ","))}}"#
    }
    return Workload(
      "W5", "\(branches) branches x \(states) Pass states",
      definition:
        #"{"StartAt":"Par","States":{"Par":{"Type":"Parallel","Branches":[\#(texts.joined(separator: ","))],"End":true}}}"#,
      input: #"{"n":1}"#, transitions: branches * states + 1)
  }

  /// W6: an execution that waits. Its size is how many of them wait at once.
  public static func waiting(seconds: Int = 3) -> Workload {
    Workload(
      "W6", "executions in a \(seconds) s Wait at once",
      definition:
        #"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":\#(seconds),"Next":"D"},"D":{"Type":"Succeed"}}}"#,
      input: #"{"n":1}"#, transitions: 2)
  }

  /// The documents are written over several lines for the reader and are one line in fact.
  private static func compact(_ text: String) -> String {
    String(text.filter { $0 != "\n" })
  }
}
