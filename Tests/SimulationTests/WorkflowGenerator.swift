import Stepmill
import StepmillSimulation

/// Which features a run has at all: the seed picks them, since lopsided chaos finds more than
/// uniform chaos.
struct Features {
  var tasks = true
  var choices = true
  var waits = true
  var parallels = true
  var maps = true
  var variables = true
  var loops = true
  var retries = true
  var catches = true
  var fails = true
  var timeouts = true
  var heartbeats = true
  var delays = true
  var paths = true
  var intrinsics = true
  var expressions = true
  var executionTimeout = false
  var errorRate = 0.0
  var neverRate = 0.0
  var twiceRate = 0.0
  /// How often a path leads nowhere.
  var missRate = 0.0
  var smallLimits = false
  var synchronous = false

  init(_ random: inout SimulationRandom) {
    func flag(_ rate: Double) -> Bool { random.chance(rate) }
    tasks = flag(0.9)
    choices = flag(0.7)
    waits = flag(0.5)
    parallels = flag(0.6)
    maps = flag(0.6)
    variables = flag(0.6)
    loops = flag(0.5)
    retries = flag(0.6)
    catches = flag(0.6)
    fails = flag(0.3)
    timeouts = flag(0.4)
    heartbeats = flag(0.3)
    delays = flag(0.6)
    paths = flag(0.7)
    intrinsics = flag(0.6)
    executionTimeout = flag(0.15)
    errorRate = [0, 0, 0.05, 0.2, 0.6][random.below(5)]
    neverRate = [0, 0, 0, 0.05, 0.2][random.below(5)]
    twiceRate = [0, 0, 0.2][random.below(3)]
    missRate = [0, 0, 0.01, 0.05][random.below(4)]
    smallLimits = flag(0.15)
    synchronous = flag(0.3)
    expressions = flag(0.4)
  }
}

/// Makes valid state machines whose loops are bounded, and inputs for them.
struct WorkflowGenerator {
  private(set) var features: Features
  private var random: SimulationRandom
  private var stateCount = 0
  private var variableCount = 0
  private var statesLeft = 40

  /// What a path in the current machine can be expected to find.
  private struct Surroundings {
    /// The input is an object with the usual members.
    var isObject = true
    var depth = 0
    /// Variables that are set, or may be, by name: true for numbers.
    var variables: [String] = []
    var results: [String] = []
    var inMap = false
  }

  init(seed: UInt64) {
    random = SimulationRandom(seed: seed)
    features = Features(&random)
  }

  mutating func input() -> JSON {
    let list = (0..<random.below(5)).map { _ in JSON(random.below(10)) }
    return [
      "a": JSON(random.below(20) - 5), "b": JSON(["x", "yy", "log-1", "ünï", "q\"t"][random.below(5)]),
      "n": JSON(Double(random.below(100)) / 4), "flag": JSON(random.chance(0.5)), "z": .null,
      "list": JSON(list), "o": ["x": 1, "y": ["deep": "d"], "sec": JSON(random.below(4))],
      "objects": JSON(
        (0..<random.below(4)).map {
          ["a": JSON($0), "b": JSON("i\($0)"), "list": [1, 2], "o": ["x": 2, "sec": 1]]
        }),
    ]
  }

  mutating func definition() -> JSON {
    var machine = self.machine(Surroundings())
    if features.executionTimeout { machine["TimeoutSeconds"] = JSON(1 + random.below(40)) }
    return machine
  }

  // MARK: Machines

  private mutating func name(_ kind: String) -> String {
    stateCount += 1
    return "\(kind)\(stateCount)"
  }

  /// A chain of states with jumps forward, bounded jumps backward, and a few ends beside it.
  private mutating func machine(_ outer: Surroundings) -> JSON {
    var here = outer
    let length = max(1, min(statesLeft, 1 + random.below(here.depth == 0 ? 7 : 3)))
    statesLeft -= length
    var kinds: [String] = []
    for _ in 0..<length { kinds.append(kind(here)) }
    let names = kinds.map { name($0) }
    var states: [(key: String, value: JSON)] = []
    var extra: [(key: String, value: JSON)] = []
    let end = name("End")

    for position in 0..<length {
      let isLast = position == length - 1
      let next = isLast ? end : names[position + 1]
      let later = position + 1 < length ? names[position + 1 + random.below(length - position - 1)] : end
      var state: JSON
      switch kinds[position] {
      case "Choice" where features.expressions && random.chance(0.5):
        state = expressionChoice(here, next: next, later: later)
      case "Choice":
        state = choice(here, next: next, later: later, &extra)
      case "Task":
        state = task(here)
        state["Next"] = JSON(next)
        policies(&state, here, later)
      case "Map":
        state = map(here)
        state["Next"] = JSON(next)
        policies(&state, here, later)
      case "Parallel":
        state = parallel(here)
        state["Next"] = JSON(next)
        policies(&state, here, later)
      case "Wait":
        state = wait(here)
        state["Next"] = JSON(next)
        if features.variables, random.chance(0.2) { state["Assign"] = assign(&here) }
      case "Loop":
        loop(names[position], next: next, &here, &states, &extra)
        continue
      default:
        state = features.expressions && random.chance(0.5) ? expressionPass(&here) : pass(&here)
        state["Next"] = JSON(next)
      }
      if ["Task", "Map", "Parallel"].contains(kinds[position]) {
        if features.variables, random.chance(0.3) {
          variableCount += 1
          state["Assign"] = [
            "v\(variableCount).$": random.chance(0.5) ? "$" : "$$.State.RetryCount",
            "w\(variableCount)": ["q": 1],
          ]
          here.variables.append("v\(variableCount)")
          here.variables.append("w\(variableCount)")
        }
        if random.chance(0.7) || here.isObject {
          if here.isObject {
            let result = "r\(position)"
            state["ResultPath"] = random.chance(0.1) ? .null : JSON("$.\(result)")
            if random.chance(0.1) { state["ResultPath"] = JSON("$.o.\(result)") }
            here.results.append("$.\(result)")
          }
        }
        if kinds[position] == "Task", features.paths, random.chance(0.3) {
          state["ResultSelector"] = ["k.$": "$.k", "first.$": "$.list[0]", "all.$": "$.list[*]", "c": 1]
        }
        if kinds[position] != "Task", features.intrinsics, random.chance(0.2) {
          state["ResultSelector"] = ["count.$": "States.ArrayLength($)", "all.$": "$"]
        }
      }
      states.append((names[position], state))
    }
    states.append((end, random.chance(0.5) ? ["Type": "Succeed"] : ["Type": "Pass", "End": true]))
    return ["StartAt": JSON(names[0]), "States": JSON(members: states + extra)]
  }

  private mutating func kind(_ here: Surroundings) -> String {
    var kinds = ["Pass", "Pass"]
    if features.tasks { kinds += ["Task", "Task", "Task"] }
    if features.choices { kinds += ["Choice"] }
    if features.waits { kinds += ["Wait"] }
    if features.loops && here.depth < 2 { kinds += ["Loop"] }
    if here.depth < 3 && statesLeft > 4 {
      if features.parallels { kinds += ["Parallel", "Parallel"] }
      if features.maps { kinds += ["Map", "Map"] }
    }
    return kinds[random.below(kinds.count)]
  }

  /// Counts a variable up to a bound: three states that go round.
  private mutating func loop(
    _ name: String, next: String, _ here: inout Surroundings, _ states: inout [(key: String, value: JSON)],
    _ extra: inout [(key: String, value: JSON)]
  ) {
    variableCount += 1
    let counter = "c\(variableCount)"
    let body = self.name("Body")
    let check = self.name("Check")
    states.append((name, ["Type": "Pass", "Assign": [counter: 0], "Next": JSON(body)]))
    var work: JSON =
      features.tasks && random.chance(0.5)
      ? [
        "Type": "Task", "Resource": "loop", "Parameters": ["at.$": JSON("$\(counter)")], "ResultPath": .null,
      ]
      : ["Type": "Pass"]
    if features.waits, random.chance(0.3) { work = ["Type": "Wait", "Seconds": 1] }
    work["Assign"] = [counter + ".$": JSON("States.MathAdd($\(counter), 1)")]
    work["Next"] = JSON(check)
    if work["Type"] == "Task", features.catches {
      work["Catch"] = [["ErrorEquals": ["States.ALL"], "Next": JSON(next), "ResultPath": .null]]
    }
    states.append((body, work))
    states.append(
      (
        check,
        [
          "Type": "Choice",
          "Choices": [
            [
              "Variable": JSON("$\(counter)"), "NumericLessThan": JSON(1 + random.below(6)),
              "Next": JSON(body),
            ]
          ], "Default": JSON(next),
        ]
      ))
    here.variables.append(counter)
  }

  // MARK: States

  private mutating func pass(_ here: inout Surroundings) -> JSON {
    var state: JSON = ["Type": "Pass"]
    if here.isObject {
      switch random.below(4) {
      case 0:
        let result = "$.r\(here.results.count)"
        state["Parameters"] = template(here)
        state["ResultPath"] = JSON(result)
        here.results.append(result)
      case 1:
        state["Result"] = ["k": 1, "list": [2, 3], "literal.$": "$.not.evaluated"]
        state["ResultPath"] = "$.o.z"
      case 2 where features.paths:
        state["InputPath"] = "$.o"
        state["ResultPath"] = "$.r"
      default: break
      }
    } else if random.chance(0.3) {
      state["Parameters"] = ["it.$": "$"]
    }
    // What follows finds another document, and often fails: so not often.
    if features.paths, here.isObject, random.chance(0.06) { state["OutputPath"] = "$.o" }
    if features.variables, random.chance(0.4) { state["Assign"] = assign(&here) }
    return state
  }

  private mutating func assign(_ here: inout Surroundings) -> JSON {
    variableCount += 1
    let name = "v\(variableCount)"
    let value = leaf(here)
    here.variables.append(name)
    return [name + ".$": JSON(value), "s\(variableCount)": ["fixed": [1, 2]]]
  }

  private mutating func task(_ here: Surroundings) -> JSON {
    var state: JSON = ["Type": "Task", "Resource": JSON(resource())]
    if random.chance(0.6) { state["Parameters"] = template(here) }
    if features.timeouts, random.chance(0.5) {
      if here.isObject, random.chance(0.2) {
        state["TimeoutSecondsPath"] = "$.o.sec"
      } else {
        state["TimeoutSeconds"] = JSON(3 + random.below(30))
      }
    }
    if features.heartbeats, state["TimeoutSecondsPath"] == nil, random.chance(0.6) {
      state["HeartbeatSeconds"] = JSON(1 + random.below(2))
    }
    return state
  }

  private mutating func resource() -> String {
    if features.synchronous, random.chance(0.5) { return "now" }
    return ["t1", "t2", "arn:aws:states:::sqs:sendMessage.waitForTaskToken"][random.below(3)]
  }

  private mutating func parallel(_ here: Surroundings) -> JSON {
    var state: JSON = ["Type": "Parallel"]
    var inner = here
    inner.depth += 1
    if random.chance(0.3) {
      state["Parameters"] = usual(here)
      inner.isObject = true
    }
    inner.results = []
    state["Branches"] = JSON((0..<1 + random.below(3)).map { _ in branch(inner) })
    return state
  }

  private mutating func map(_ here: Surroundings) -> JSON {
    var state: JSON = ["Type": "Map"]
    var inner = here
    inner.depth += 1
    inner.inMap = true
    inner.results = []
    if here.isObject {
      if random.chance(0.6) {
        state["ItemsPath"] = "$.list"
        inner.isObject = false
      } else {
        state["ItemsPath"] = random.chance(0.97) ? "$.objects" : "$.o"
        // Items of a Map inside a Map have fewer members: their paths may miss.
        inner.isObject = !here.inMap
      }
      if random.chance(0.5) {
        var item = usual(here)
        item["item.$"] = "$$.Map.Item.Value"
        item["index.$"] = "$$.Map.Item.Index"
        state["ItemSelector"] = item
        inner.isObject = true
      }
    } else {
      // There is no list to walk over: make a small one first.
      state["InputPath"] = nil
      state["ItemsPath"] = here.variables.isEmpty ? "$$.Execution.Input.list" : "$$.Execution.Input.objects"
      inner.isObject = false
    }
    if random.chance(0.6) { state["MaxConcurrency"] = JSON(random.below(4)) }
    state["ItemProcessor"] = branch(inner)
    if random.chance(0.2) {
      state["Iterator"] = state["ItemProcessor"]
      state["ItemProcessor"] = nil
    }
    if !here.isObject { state["InputPath"] = "$" }
    return state
  }

  private mutating func branch(_ inner: Surroundings) -> JSON {
    if features.fails, random.chance(0.25) {
      let fail = name("Fail")
      return ["StartAt": JSON(fail), "States": JSON(members: [(key: fail, value: failure(inner))])]
    }
    return machine(inner)
  }

  private mutating func failure(_ here: Surroundings) -> JSON {
    var state: JSON = ["Type": "Fail"]
    if random.chance(0.8) { state["Error"] = JSON(["E1", "E2", "Own"][random.below(3)]) }
    if here.isObject, features.intrinsics, random.chance(0.3) {
      state["CausePath"] = "States.Format('it was {}', $.b)"
    } else if random.chance(0.7) {
      state["Cause"] = "of its own"
    }
    return state
  }

  private mutating func wait(_ here: Surroundings) -> JSON {
    switch random.below(4) {
    case 0 where here.isObject: return ["Type": "Wait", "SecondsPath": "$.o.sec"]
    case 1: return ["Type": "Wait", "Timestamp": JSON("2026-01-01T00:00:\(10 + random.below(45))Z")]
    default: return ["Type": "Wait", "Seconds": JSON(random.below(6))]
    }
  }

  private mutating func policies(_ state: inout JSON, _ here: Surroundings, _ later: String) {
    let names = ["E1", "E2", "E3", "States.TaskFailed", "States.Timeout", "States.HeartbeatTimeout", "Own"]
    if features.retries, random.chance(0.5) {
      var retriers: [JSON] = []
      for _ in 0..<random.below(3) {
        var retrier: JSON = ["ErrorEquals": [JSON(names[random.below(names.count)])]]
        if random.chance(0.7) { retrier["IntervalSeconds"] = JSON(random.below(4)) }
        if random.chance(0.7) { retrier["MaxAttempts"] = JSON(random.below(4)) }
        if random.chance(0.5) { retrier["BackoffRate"] = [1, 1.5, 2][random.below(3)] }
        if random.chance(0.3) { retrier["MaxDelaySeconds"] = 5 }
        retriers.append(retrier)
      }
      if random.chance(0.4) {
        retriers.append(["ErrorEquals": ["States.ALL"], "MaxAttempts": JSON(random.below(3))])
      }
      state["Retry"] = JSON(retriers)
    }
    if features.catches, random.chance(0.6) {
      var catcher: JSON = ["ErrorEquals": ["States.ALL"], "Next": JSON(later)]
      if here.isObject { catcher["ResultPath"] = ["$.error", "$.error", .null][random.below(3)] }
      if features.variables, random.chance(0.2) {
        variableCount += 1
        catcher["Assign"] = ["e\(variableCount).$": "$.Error"]
      }
      var catchers = [catcher]
      if random.chance(0.4) {
        var first = catcher
        first["ErrorEquals"] = [JSON(names[random.below(names.count)])]
        first["Assign"] = nil
        catchers.insert(first, at: 0)
      }
      state["Catch"] = JSON(catchers)
    }
  }

  private mutating func choice(
    _ here: Surroundings, next: String, later: String, _ extra: inout [(key: String, value: JSON)]
  ) -> JSON {
    var rules: [JSON] = []
    for position in 0..<1 + random.below(2) {
      var rule = self.rule(here, depth: 0)
      rule["Next"] = JSON(later)
      if position == 0, features.fails, random.chance(0.2) {
        let fail = name("Fail")
        extra.append((fail, failure(here)))
        rule["Next"] = JSON(fail)
      }
      rules.append(rule)
    }
    return ["Type": "Choice", "Choices": JSON(rules), "Default": JSON(next)]
  }

  private mutating func rule(_ here: Surroundings, depth: Int) -> JSON {
    if depth < 2, random.chance(0.3) {
      switch random.below(3) {
      case 0: return ["And": [rule(here, depth: depth + 1), rule(here, depth: depth + 1)]]
      case 1: return ["Or": [rule(here, depth: depth + 1), rule(here, depth: depth + 1)]]
      default: return ["Not": rule(here, depth: depth + 1)]
      }
    }
    guard here.isObject else {
      return [["Variable": "$", "IsNumeric": true], ["Variable": "$", "NumericGreaterThan": 2]][
        random.below(2)]
    }
    let rules: [JSON] = [
      ["Variable": "$.a", "NumericEquals": JSON(random.below(10))],
      ["Variable": "$.a", "NumericLessThanEquals": 4],
      ["Variable": "$.n", "NumericGreaterThanPath": "$.a"],
      ["Variable": "$.b", "StringEquals": "x"],
      ["Variable": "$.b", "StringMatches": "l*g-*"],
      ["Variable": "$.b", "StringLessThan": "y"],
      ["Variable": "$.flag", "BooleanEquals": true],
      ["Variable": "$.z", "IsNull": true],
      ["Variable": "$.missing", "IsPresent": false],
      ["Variable": "$.o.x", "IsString": false],
      ["Variable": "$.a", "StringEqualsPath": "$.b"],
      ["Variable": JSON(random.chance(features.missRate) ? "$.missing" : "$.o.x"), "NumericEquals": 1],
    ]
    return rules[random.below(rules.count)]
  }

  // MARK: Templates

  /// An object with the members that paths of other states expect.
  private mutating func usual(_ here: Surroundings) -> JSON {
    guard here.isObject else {
      return [
        "a.$": "$", "b": "fixed", "n": 1, "flag": true, "z": .null, "list": [4, 5], "objects": [],
        "o": ["x": 1, "sec": 1],
      ]
    }
    return [
      "a.$": "$.a", "b.$": "$.b", "n": 2, "flag": false, "z": .null, "list.$": "$.list",
      "objects": [["a": 1]],
      "o.$": "$.o",
    ]
  }

  private mutating func template(_ here: Surroundings) -> JSON {
    var members: [(key: String, value: JSON)] = [("fixed", ["k": [1, "two"]])]
    for key in ["p", "q", "rest", "z9"].prefix(1 + random.below(4)) {
      if random.chance(0.2) {
        members.append((key, [[key + "1.$": JSON(leaf(here))], "$.literal"]))
      } else {
        members.append((key + ".$", JSON(leaf(here))))
      }
    }
    return JSON(members: members)
  }

  /// A path or an intrinsic call.
  private mutating func leaf(_ here: Surroundings) -> String {
    if random.chance(features.missRate) {
      return ["$.missing", "$.o.missing.deeper", "$.list[99]"][random.below(3)]
    }
    if features.intrinsics, random.chance(0.3) { return intrinsic(here) }
    var paths = ["$", "$$.State.Name", "$$.Execution.Input.a"]
    if here.isObject {
      paths += ["$.a", "$.b", "$.list", "$.list[*]", "$.o", "$.o.x", "$.n", "$.z", "$['b']"]
    }
    if here.inMap { paths += ["$$.Map.Item.Index", "$$.Map.Item.Value"] }
    if let result = here.results.last, random.chance(0.2) { paths += [result] }
    if let variable = here.variables.last { paths += ["$" + variable] }
    if here.variables.count > 2 { paths.append("$" + here.variables[random.below(here.variables.count)]) }
    return paths[random.below(paths.count)]
  }

  // MARK: JSONata

  /// A Pass that hands its input on and keeps parts of it in variables.
  private mutating func expressionPass(_ here: inout Surroundings) -> JSON {
    variableCount += 1
    let (name, list) = ("j\(variableCount)", "k\(variableCount)")
    let state: JSON = [
      "Type": "Pass", "QueryLanguage": "JSONata",
      "Assign": [
        name: JSON("{% \(reference(here)) %}"), list: ["of": [JSON("{% \(reference(here)) %}"), 1]],
      ],
    ]
    here.variables += [name, list]
    return state
  }

  private mutating func expressionChoice(_ here: Surroundings, next: String, later: String) -> JSON {
    [
      "Type": "Choice", "QueryLanguage": "JSONata",
      "Choices": [["Condition": JSON("{% $exists(\(reference(here))) %}"), "Next": JSON(next)]],
      "Default": JSON(later),
    ]
  }

  private mutating func reference(_ here: Surroundings) -> String {
    if random.chance(features.missRate) {
      return ["$states.input.missing", "$missing", "$states.input.o.missing.deeper"][random.below(3)]
    }
    var paths = ["$states.input", "$states.context.State.Name", "$states.context.Execution.Input.a"]
    if here.isObject {
      paths += ["a", "b", "list", "o", "o.x", "o.y.deep", "z"].map { "$states.input." + $0 }
    }
    if here.inMap { paths += ["$states.context.Map.Item.Index", "$states.context.Map.Item.Value"] }
    if let variable = here.variables.last { paths += ["$" + variable, "$\(variable).of"] }
    return paths[random.below(paths.count)]
  }

  private mutating func intrinsic(_ here: Surroundings) -> String {
    let a = here.isObject ? "$.a" : "$$.Execution.Input.a"
    let calls = [
      "States.MathAdd(\(a), 1)", "States.Array(\(a), 'x', null)", "States.ArrayRange(1, 5, 2)",
      "States.JsonToString($$.Execution.Input.list)", "States.StringToJson(States.JsonToString($))",
      "States.Format('<{}> and {}', \(a), 7)",
      "States.JsonMerge($$.Execution.Input.o, States.StringToJson('{\"m\":1,\"x\":2}'), false)",
      "States.ArrayLength($$.Execution.Input.list)", "States.ArrayGetItem($$.Execution.Input.list, 0)",
    ]
    return calls[random.below(calls.count)]
  }
}
