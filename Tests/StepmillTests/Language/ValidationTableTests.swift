import Testing

@testable import Stepmill

// What the service says about one mistake each: its code, its words and its place. `S`
// stands for SCHEMA_VALIDATION_FAILED.

struct ValidationRow: Sendable, CustomTestStringConvertible {
  var definition: String
  var expected: [String]
  var options = Definition.ReadingOptions()

  init(_ definition: String, _ expected: String..., strict: Bool = false, express: Bool = false) {
    self.definition = definition
    self.expected = expected
    options.allowsPlainResources = !strict
    options.isExpress = express
  }

  var testDescription: String { definition }
}

private let timestampMessage = "S: String does not match RFC3339 timestamp @ "
private let types = "Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map"
private let all = "States.ALL must appear alone and at end of list"
private let arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
private let succeed = #""B":{"Type":"Succeed"}"#

private func choice(_ rule: String) -> String {
  machineText(#""A":{"Type":"Choice","Choices":[\#(rule)],"Default":"B"},"# + succeed)
}

private func task(_ fields: String) -> String {
  machineText(#""A":{"Type":"Task","Resource":"\#(arn)","End":true,\#(fields)}"#)
}

private func pass(_ fields: String) -> String {
  machineText(#""A":{"Type":"Pass","End":true,\#(fields)}"#)
}

private func map(_ fields: String, processor: String = "") -> String {
  machineText(
    #""A":{"Type":"Map","End":true\#(fields.isEmpty ? "" : "," + fields),"ItemProcessor":{\#(processor)"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}}}"#
  )
}

private func sdk(_ action: String, _ parameters: String) -> String {
  machineText(
    #""A":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:\#(action)","Parameters":\#(parameters),"End":true}"#
  )
}

private let jsonata = #""QueryLanguage":"JSONata""#

private func jsonataPass(_ fields: String) -> String {
  machineText(#""A":{"Type":"Pass","End":true,\#(fields)}"#, jsonata)
}

private let rows: [ValidationRow] = [
  // The machine.
  .init("{}", "S: These fields are required: [States, StartAt] @ /"),
  .init(#"{"StartAt":"A"}"#, "S: These fields are required: [States] @ /"),
  .init(
    #"{"StartAt":"Z","States":{"A":{"Type":"Succeed"}}}"#,
    "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z @ /StartAt",
    #"MISSING_TRANSITION_TARGET: State "A" is not reachable. @ /States/A"#),
  .init(
    machineText(succeed.replacingB, #""Version":"2.0""#),
    "S: Value should be one of the following: [1.0] @ /Version"),
  .init(machineText(succeed.replacingB, #""TimeoutSeconds":0"#)),
  .init(
    machineText(succeed.replacingB, #""TimeoutSeconds":1.5"#),
    "S: Expected value of type Integer @ /TimeoutSeconds"),
  .init(
    machineText(succeed.replacingB, #""timeoutSeconds":1"#), "S: Field 'timeoutSeconds' is not supported @ /"),
  .init(
    machineText(succeed.replacingB, #""QueryLanguage":1"#),
    "S: Expected value of type [STRING] @ /QueryLanguage"),
  .init(#"{"StartAt":"A","States":{}}"#, "S: Value cannot be empty @ /States"),
  .init(#"{"StartAt":"A","States":{"A":1}}"#, "S: Expected value of type [OBJECT] @ /States/A"),
  .init(#"{"StartAt":"A","States":{"A":{}}}"#, "S: These fields are required: [Type] @ /States/A"),

  // Transitions.
  .init(
    machineText(#""A":{"Type":"Pass"}"#),
    "S: This object should have only one of the following fields: [Next, End] @ /States/A"),
  .init(
    machineText(#""A":{"Type":"Pass","End":false}"#),
    "S: This object should have only one of the following fields: [Next, End] @ /States/A"),
  .init(
    machineText(#""A":{"Type":"Pass","Next":"A","End":true}"#),
    "S: There should only be one of the following fields: [Next, End] @ /States/A"),
  .init(machineText(#""A":{"Type":"Pass","Next":"A"}"#), "MISSING_END_STATE: Workflow has no terminal state"),
  .init(
    machineText(#""A":{"Type":"Pass","Next":"B"}"#), "MISSING_END_STATE: Workflow has no terminal state",
    "MISSING_TRANSITION_TARGET: Missing 'Next' target: B @ /States/A/Next"),
  .init(
    machineText(#""A":{"Type":"Succeed"},"# + succeed),
    #"MISSING_TRANSITION_TARGET: State "B" is not reachable. @ /States/B"#),
  .init(
    machineText(#""A":{"Type":"Succeed"},"B":{"Type":"Pass","Next":"B"}"#),
    #"MISSING_TRANSITION_TARGET: State "B" is not reachable. @ /States/B"#),
  .init(
    machineText(#""A":{"Type":"Nope","End":true}"#),
    "S: The field 'Type' should have one of these values: [\(types)] @ /States/A/Type"),
  .init(pass(#""nExt":"A""#), "S: Field 'nExt' is not supported @ /States/A"),
  .init(
    machineText(#""A":{"Type":"Fail","InputPath":"$"}"#), "S: Field 'InputPath' is not supported @ /States/A"),
  .init(machineText(#""A":{"Type":"Fail","Assign":{}}"#), "S: Field 'Assign' is not supported @ /States/A"),

  // Choice.
  .init(
    machineText(#""A":{"Type":"Choice","Choices":[],"Default":"B"},"# + succeed),
    "S: Value cannot be empty @ /States/A/Choices"),
  .init(
    machineText(#""A":{"Type":"Choice","Default":"B"},"# + succeed),
    "S: These fields are required: [Choices] @ /States/A"),
  .init(
    choice(#"{"Variable":"$.x","StringEquals":"a"}"#),
    "S: These fields are required: [Next] @ /States/A/Choices[0]"),
  .init(
    choice(#"{"Variable":"$.x","StringEquals":"a","NumericEquals":1,"Next":"B"}"#),
    "S: There should only be one of the following fields: [StringEquals, NumericEquals] @ /States/A/Choices[0]"
  ),
  .init(
    choice(#"{"Variable":"x","StringEquals":"a","Next":"B"}"#),
    "S: Value is not a Reference Path: Reference path didn't start with '$' @ /States/A/Choices[0]/Variable"),
  .init(
    choice(#"{"Variable":"$.a[*]","StringEquals":"a","Next":"B"}"#),
    "S: Value is not a Reference Path @ /States/A/Choices[0]/Variable"),
  .init(
    choice(#"{"Variable":"$.a","TimestampEquals":"soon","Next":"B"}"#),
    timestampMessage + "/States/A/Choices[0]/TimestampEquals"),
  .init(
    choice(#"{"Next":"B"}"#),
    "S: The object must have only one of the following fields, [And, Or, Not, Variable, Condition] @ /States/A/Choices[0]"
  ),
  .init(
    choice(#"{"And":[{"Variable":"$.x","IsNull":true,"Next":"B"}],"Next":"B"}"#),
    "S: Field 'Next' is not supported @ /States/A/Choices[0]/And[0]"),
  .init(choice(#"{"Or":[],"Next":"B"}"#), "S: Value cannot be empty @ /States/A/Choices[0]/Or"),
  .init(choice(#"{"Not":{"And":[{"Variable":"$.x","NumericLessThanPath":"$.y"}]},"Next":"B"}"#)),
  .init(
    choice(#"{"Variable":"$.a","NumericEquals":"1","Next":"B"}"#),
    "S: Expected value of type [NUMBER] @ /States/A/Choices[0]/NumericEquals"),
  .init(
    choice(#"{"Variable":"$.a","IsNullPath":"$.b","Next":"B"}"#),
    "S: Field 'IsNullPath' is not supported @ /States/A/Choices[0]",
    "S: This object should have only one of the following fields: [\(Comparator.fieldNames.joined(separator: ", "))] @ /States/A/Choices[0]"
  ),
  .init(
    choice(#"{"Variable":"$.a","IsNull":true,"Next":"B","Output":1}"#),
    "S: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage @ /States/A/Choices[0]"
  ),

  // Wait.
  .init(
    machineText(#""A":{"Type":"Wait","Seconds":1,"Timestamp":"2030-01-01T00:00:00Z","End":true}"#),
    "S: There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] @ /States/A"
  ),
  .init(
    machineText(#""A":{"Type":"Wait","End":true}"#),
    "S: This object should have only one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] @ /States/A"
  ),
  .init(
    machineText(#""A":{"Type":"Wait","Seconds":-1,"End":true}"#), "S: Minimum value is 0 @ /States/A/Seconds"),
  .init(
    machineText(#""A":{"Type":"Wait","Seconds":"5","End":true}"#),
    "S: Expected value of type Integer @ /States/A/Seconds"),
  .init(
    machineText(#""A":{"Type":"Wait","Seconds":100000000000000000000000,"End":true}"#),
    "S: Maximum value is 99999999 @ /States/A/Seconds"),
  .init(
    machineText(#""A":{"Type":"Wait","Timestamp":"{% '2016-03-14T01:59:00Z' %}","End":true}"#),
    timestampMessage + "/States/A/Timestamp"),
  .init(
    machineText(#""A":{"Type":"Wait","Timestamp":"2016-12-05 21:29:29Z","End":true}"#),
    timestampMessage + "/States/A/Timestamp"),

  // Task, Retry and Catch.
  .init(task(#""TimeoutSeconds":0"#), "S: Minimum value is 1 @ /States/A/TimeoutSeconds"),
  .init(
    task(#""TimeoutSeconds":1,"TimeoutSecondsPath":"$.t""#),
    "S: There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath] @ /States/A"),
  .init(
    task(#""TimeoutSeconds":5,"HeartbeatSeconds":5"#),
    "S: 'HeartbeatSeconds' must be smaller than 'TimeoutSeconds' @ /States/A/HeartbeatSeconds"),
  .init(task(#""Retry":[{"ErrorEquals":[]}]"#), "S: Value cannot be empty @ /States/A/Retry[0]/ErrorEquals"),
  .init(task(#""Retry":[]"#)),
  .init(task(#""Retry":[{"ErrorEquals":["States.ALL","X"]}]"#), "S: \(all) @ /States/A/Retry[0]/ErrorEquals"),
  .init(
    task(#""Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["X"]}]"#),
    "S: \(all) @ /States/A/Retry[0]/ErrorEquals"),
  .init(
    task(#""Retry":[{"ErrorEquals":["X"],"BackoffRate":0.5}]"#),
    "S: Minimum value is 1 @ /States/A/Retry[0]/BackoffRate"),
  .init(
    task(#""Retry":[{"ErrorEquals":["X"],"JitterStrategy":"full"}]"#),
    "S: Value should be one of the following: [NONE, FULL] @ /States/A/Retry[0]/JitterStrategy"),
  .init(task(#""Retry":[{}]"#), "S: These fields are required: [ErrorEquals] @ /States/A/Retry[0]"),
  .init(
    task(#""Catch":[{"ErrorEquals":["X"]}]"#), "S: These fields are required: [Next] @ /States/A/Catch[0]"),
  .init(
    task(#""Catch":[{"ErrorEquals":["X"],"Next":"Y"}]"#),
    "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y @ /States/A/Catch[0]/Next"),
  .init(pass(#""Retry":[]"#), "S: Field 'Retry' is not supported @ /States/A"),
  .init(
    machineText(#""A":{"Type":"Task","Resource":"hello","End":true}"#),
    "S: Value is not a valid resource ARN @ /States/A/Resource", strict: true),
  .init(machineText(#""A":{"Type":"Task","Resource":"hello","End":true}"#)),
  .init(machineText(#""A":{"Type":"Task","Resource":"stepmill:hello","End":true}"#)),
  .init(
    machineText(#""A":{"Type":"Task","Resource":"","End":true}"#),
    "S: Value is not a valid resource ARN @ /States/A/Resource"),
  .init(
    machineText(#""A":{"Type":"Task","Resource":"\#(arn):","End":true}"#),
    "S: Value is not a valid resource ARN @ /States/A/Resource"),
  .init(machineText(#""A":{"Type":"Task","Resource":"\#(arn):$LATEST","End":true}"#), strict: true),
  .init(
    machineText(#""A":{"Type":"Task","End":true}"#), "S: These fields are required: [Resource] @ /States/A"),
  .init(
    machineText(#""A":{"Type":"Task","Resource":"arn:aws:states:::lambda:nope","End":true}"#),
    "S: The resource provided arn:aws:states:::lambda:nope is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. @ /States/A/Resource"
  ),
  .init(
    machineText(
      #""A":{"Type":"Task","Resource":"arn:aws:states:::glue:startJobRun.waitForTaskToken","End":true}"#),
    "S: The resource provided arn:aws:states:::glue:startJobRun.waitForTaskToken is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. @ /States/A/Resource"
  ),
  .init(
    machineText(#""A":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:listQueues","End":true}"#),
    strict: true),
  .init(
    task(#""Credentials":{}"#), "S: The field 'RoleArn' is required but was missing @ /States/A/Credentials"),
  .init(
    machineText(
      #""A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:x","Credentials":{"RoleArn":"r"},"End":true}"#
    ), "S: The field 'Credentials' is not supported for activities @ /States/A"),
  .init(
    machineText(#""A":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync","End":true}"#),
    "S: Express state machine does not support '.sync' service integration @ /States/A/Resource",
    express: true),
  .init(
    machineText(
      #""A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","End":true}"#),
    "S: Express state machine does not support '.waitForTaskToken' service integration  @ /States/A/Resource",
    express: true),
  .init(
    machineText(
      #""A":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:x","End":true}"#),
    "S: Express state machine does not support Activity ARN @ /States/A/Resource", express: true),

  // Paths, templates, variables.
  .init(
    pass(#""Parameters":{"a.$":"b"}"#),
    "S: The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call @ /States/A/Parameters"
  ),
  .init(
    pass(#""Parameters":{"x":[{"a.$":"States.Nope()"}]}"#),
    "S: The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call @ /States/A/Parameters"
  ),
  .init(
    pass(#""Parameters":{"a.$":1}"#),
    "S: The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call @ /States/A/Parameters"
  ),
  .init(
    pass(#""Parameters":{"a":"$.b"}"#),
    "NO_DOLLAR: The value of 'a' looks like a JSONPath. Instead of 'a', use 'a.$' to evaluate it as a JSONPath at runtime. @ /States/A/Parameters"
  ),
  .init(
    pass(#""Parameters":{"a":1,"a.$":"$.b"}"#),
    #"S: A duplicate field will exist after renaming to strip the ".$" suffix from: a.$ @ /States/A/Parameters"#
  ),
  .init(pass(#""InputPath":"x""#), "S: Value must be a valid JSONPath. @ /States/A/InputPath"),
  .init(
    pass(#""InputPath":null,"OutputPath":"$$.Execution","Result":{"x.$":5},"ResultPath":null"#),
    "PASS_RESULT_IS_STATIC: The 'Result' of a Pass state is static: its paths and intrinsic functions are not evaluated. Use 'Parameters' to evaluate them at runtime. @ /States/A/Result"
  ),
  .init(
    machineText(#""A":{"Type":"Fail","Error":"$.e","Cause":"no $.path"}"#),
    "NO_PATH: The value of 'Error' looks like a JSONPath. Instead of 'Error', use 'ErrorPath' to evaluate it as a JSONPath at runtime. @ /States/A/Error"
  ),

  // Expressions.
  .init(
    jsonataPass(#""Output":"{% 1 + %}""#),
    "INVALID_JSONATA_EXPRESSION: Unexpected end of expression @ /States/A/Output"),
  .init(
    jsonataPass(#""Output":"{%%}""#),
    "INVALID_JSONATA_EXPRESSION: Unexpected end of expression @ /States/A/Output"),
  .init(
    jsonataPass(#""Output":{"a":{"b":["{% [1,2 %}"]}}"#),
    #"INVALID_JSONATA_EXPRESSION: Expected "]" before end of expression @ /States/A/Output/a/b[0]"#),
  .init(
    jsonataPass(#""Output":"{% foo & foo.bar & baz %}""#),
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'foo' at the top level is not supported. @ /States/A/Output",
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'baz' at the top level is not supported. @ /States/A/Output"
  ),
  .init(
    jsonataPass(#""Output":"{% $ & $$.x %}""#),
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$' at the top level is not supported. @ /States/A/Output",
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported. @ /States/A/Output"),
  .init(
    jsonataPass(#""Output":"{% $states.result %}""#),
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. @ /States/A/Output"),
  .init(jsonataPass(#""Output":"{% [$states.input.orders[qty > 1].id, $states.context.Execution.Id] %}""#)),
  .init(jsonataPass(#""Output":" {% foo %}""#)),
  .init(
    jsonataPass(#""Output":"{% 1""#),
    "S: JSONata string must start with {% and end with %} @ /States/A/Output"),
  .init(
    jsonataPass(#""Assign":{"x":"{% $y %}","y":1}"#),
    "POSSIBLY_UNDEFINED_VARIABLE: Variable 'y' is possibly not defined. @ /States/A/Assign/x"),
  .init(jsonataPass(#""Output":"{% ($y := 1; $y + $sum([1])) %}""#)),
  .init(
    machineText(
      #""A":{"Type":"Task","Resource":"\#(arn)","Arguments":"{% $states.result %}","Assign":{"r":"{% $states.result %}"},"Output":"{% $states.errorOutput %}","Catch":[{"ErrorEquals":["E"],"Assign":{"e":"{% $states.errorOutput.Cause %}"},"Output":"{% $states.result %}","Next":"A"}],"End":true}"#,
      jsonata),
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. @ /States/A/Arguments",
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist. @ /States/A/Output",
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. @ /States/A/Catch[0]/Output"),
  .init(
    machineText(
      #""A":{"Type":"Choice","Choices":[{"Condition":"{% x %}","Next":"B"}],"Default":"C"},"B":{"Type":"Wait","Seconds":"{% ) %}","Next":"C"},"C":{"Type":"Map","Items":"{% $$ %}","MaxConcurrency":"{% n %}","ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Fail","Error":"{% e %}"}}},"End":true}"#,
      jsonata),
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'x' at the top level is not supported. @ /States/A/Choices[0]/Condition",
    #"INVALID_JSONATA_EXPRESSION: The symbol ")" cannot be used as a unary operator @ /States/B/Seconds"#,
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported. @ /States/C/Items",
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'n' at the top level is not supported. @ /States/C/MaxConcurrency",
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'e' at the top level is not supported. @ /States/C/ItemProcessor/States/X/Error"
  ),

  // Variables that are read.
  .init(
    pass(#""Parameters":{"x.$":"$v"}"#),
    "POSSIBLY_UNDEFINED_VARIABLE: Variable 'v' is possibly not defined. @ /States/A/Parameters"),
  .init(
    machineText(
      #""A":{"Type":"Pass","Assign":{"v":1},"Next":"B"},"B":{"Type":"Pass","OutputPath":"$v","End":true}"#)),
  .init(
    machineText(
      #""A":{"Type":"Pass","InputPath":"$v.a[0]","Next":"B"},"B":{"Type":"Pass","Assign":{"v":1},"End":true}"#
    ),
    "POSSIBLY_UNDEFINED_VARIABLE: Variable 'v' is possibly not defined. @ /States/A/InputPath"),
  .init(
    machineText(
      #""A":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Pass","Assign":{"branchOnly":1},"End":true}}}],"Next":"B"},"B":{"Type":"Pass","Parameters":{"x.$":"States.Format('{}', $branchOnly)"},"End":true}"#
    ), "POSSIBLY_UNDEFINED_VARIABLE: Variable 'branchOnly' is possibly not defined. @ /States/B/Parameters"),
  .init(
    machineText(
      #""A":{"Type":"Pass","Assign":{"v":1},"Next":"P"},"P":{"Type":"Parallel","Branches":[{"StartAt":"X","States":{"X":{"Type":"Choice","Choices":[{"Variable":"$v","NumericEquals":1,"Next":"Y"}],"Default":"Y"},"Y":{"Type":"Succeed"}}}],"End":true}"#
    )),
  .init(
    machineText(
      #""A":{"Type":"Pass","Assign":{"v":1},"Next":"M"},"M":{"Type":"Map","ItemsPath":"$v","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"X","States":{"X":{"Type":"Pass","InputPath":"$v","End":true}}},"End":true}"#
    ),
    "POSSIBLY_UNDEFINED_VARIABLE: Variable 'v' is possibly not defined. @ /States/M/ItemProcessor/States/X/InputPath"
  ),

  // Requests of AWS's services.
  .init(
    sdk("s3:getObject", #"{"Bucket":"b","key":"k"}"#),
    #"S: The field "key" is not supported by Step Functions. Did you mean 'Key'? @ /States/A/Parameters"#),
  .init(
    sdk("s3:getObject", #"{"bucketName":"b"}"#),
    "S: The field 'Bucket' is required but was missing @ /States/A/Parameters",
    "S: The field 'Key' is required but was missing @ /States/A/Parameters"),
  .init(
    sdk("s3:getObject", #"{"Bucket":1,"Key.$":"$.k"}"#),
    "S: The value for the field 'Bucket' must be a STRING @ /States/A/Parameters"),
  .init(sdk("s3:getObject", #"{"Bucket":null,"Key.$":"$.k","Range":"0-9"}"#)),
  .init(sdk("ec2:describeInstances", #"{"Filters":[{"name":"x"}]}"#)),
  .init(
    sdk("ec2:describeInstances", #"{"filters":[]}"#),
    #"S: The field "filters" is not supported by Step Functions. Did you mean 'Filters'? @ /States/A/Parameters"#
  ),
  .init(pass(#""ResultPath":"$.a[*]""#), "S: Value is not a Reference Path @ /States/A/ResultPath"),
  .init(pass(#""ResultPath":"$$.a""#), "S: Value is not a Reference Path @ /States/A/ResultPath"),
  .init(pass(#""ResultPath":"$v.a""#), "S: Value is not a Reference Path @ /States/A/ResultPath"),
  .init(
    pass(#""Assign":{"states":1}"#),
    "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. @ /States/A/Assign/states"),
  .init(
    pass(#""Assign":{"a.b":1}"#),
    "INVALID_VARIABLE_NAME: Invalid variable name 'a.b': the variable name contains invalid characters. @ /States/A/Assign/a.b"
  ),
  .init(pass(#""Assign":{"größe.$":"$.a","x1_y":{"z.$":"$"}}"#)),
  .init(pass(#""Assign":1"#), "S: Expected value of type [OBJECT] @ /States/A/Assign"),
  .init(
    machineText(
      #""A":{"Type":"Parallel","Assign":{"x":1},"Branches":[{"StartAt":"B","States":{"B":{"Type":"Pass","Assign":{"x":2},"End":true}}}],"End":true}"#
    ),
    "DUPLICATE_VARIABLE_NAME: The variable name 'x' was already defined in a parent scope. @ /States/A/Branches[0]/States/B/Assign/x"
  ),

  // Query languages.
  .init(
    pass(jsonata + #","InputPath":"$""#),
    "S: The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage @ /States/A"
  ),
  .init(
    pass(#""Output":1"#),
    "S: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage @ /States/A"
  ),
  .init(
    machineText(#""A":{"Type":"Pass","QueryLanguage":"JSONPath","Output":1,"End":true}"#, jsonata),
    "S: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine @ /States/A"),
  .init(
    pass(#""QueryLanguage":"jsonata","Output":1"#),
    "S: Value should be one of the following: [JSONPath, JSONata] @ /States/A/QueryLanguage"),
  .init(
    pass(jsonata + #","Output":{"a":["{% 1"]}"#),
    "S: JSONata string must start with {% and end with %} @ /States/A/Output/a[0]"),
  .init(
    pass(jsonata + #","Output":"1 %}""#),
    "S: JSONata string must start with {% and end with %} @ /States/A/Output"),
  .init(
    pass(jsonata + #","Output":"{% 1 + %}""#),
    "INVALID_JSONATA_EXPRESSION: Unexpected end of expression @ /States/A/Output"),
  .init(
    pass(jsonata + #","Output":"{%%}""#),
    "INVALID_JSONATA_EXPRESSION: Unexpected end of expression @ /States/A/Output"),
  .init(
    pass(jsonata + #","Output":{"a":["{% [1,2 %}"]}"#),
    "INVALID_JSONATA_EXPRESSION: Expected \"]\" before end of expression @ /States/A/Output/a[0]"),
  .init(
    pass(jsonata + #","Output":"{% foo.bar + $.x + foo + $$.y %}""#),
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'foo' at the top level is not supported. @ /States/A/Output",
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$' at the top level is not supported. @ /States/A/Output",
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported. @ /States/A/Output"),
  .init(pass(jsonata + #","Output":"{% $states.input.orders[qty > 1].id %}""#)),
  .init(
    pass(jsonata + #","Output":"{% $states.result.a + $states.result.b %}""#),
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. @ /States/A/Output"),
  .init(
    pass(jsonata + #","Assign":{"x":"{% $states.nope %}"}"#),
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.nope' does not exist. @ /States/A/Assign/x"),
  .init(
    machineText(
      #""A":{"Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:states:::lambda:invoke","Arguments":"{% $states.result %}","Output":"{% $states.result %}","Assign":{"x":"{% $states.errorOutput %}"},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B","Output":"{% $states.errorOutput %}","Assign":{"y":"{% $states.result %}"}}],"TimeoutSeconds":"{% 1 1 %}","Next":"B"},"B":{"Type":"Succeed"}"#
    ),
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. @ /States/A/Arguments",
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist. @ /States/A/Assign/x",
    "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. @ /States/A/Catch[0]/Assign/y",
    "INVALID_JSONATA_EXPRESSION: Syntax error: \"1\" @ /States/A/TimeoutSeconds"),
  .init(
    machineText(
      #""A":{"Type":"Choice","QueryLanguage":"JSONata","Choices":[{"Condition":"{% a %}","Next":"B"}],"Default":"B"},"B":{"Type":"Succeed"}"#
    ),
    "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'a' at the top level is not supported. @ /States/A/Choices[0]/Condition"
  ),

  // Map and Parallel.
  .init(
    machineText(#""A":{"Type":"Map","End":true}"#),
    "S: This object should have only one of the following fields: [ItemProcessor, Iterator] @ /States/A"),
  .init(
    map("", processor: #""ProcessorConfig":{"Mode":"DISTRIBUTED"},"#),
    "S: These fields are required: [ExecutionType] @ /States/A/ItemProcessor/ProcessorConfig"),
  .init(
    map("", processor: #""ProcessorConfig":{"Mode":"INLINE","ExecutionType":"STANDARD"},"#),
    "S: Field 'ExecutionType' is not supported @ /States/A/ItemProcessor/ProcessorConfig"),
  .init(
    map("", processor: jsonata + ","), "S: Field 'QueryLanguage' is not supported @ /States/A/ItemProcessor"),
  .init(
    map("", processor: #""ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},"#),
    "S: The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines @ /States/A/ItemProcessor/ProcessorConfig/Mode",
    express: true),
  .init(map(#""MaxConcurrency":-1"#), "S: Minimum value is 0 @ /States/A/MaxConcurrency"),
  .init(
    map(#""ToleratedFailurePercentage":105"#),
    "S: Maximum value is 100 @ /States/A/ToleratedFailurePercentage"),
  .init(map(#""ToleratedFailurePercentage":0.5"#)),
  .init(
    map(#""Parameters":{},"ItemSelector":{}"#),
    "S: There should only be one of the following fields: [ItemSelector, Parameters] @ /States/A"),
  .init(
    map(#""TimeoutSeconds":5"#), "S: Field 'TimeoutSeconds' is not supported @ /States/A"),
  .init(
    map(#""Label":"a b""#), "INVALID_LABEL_NAME: Label contains invalid character: ' ' @ /States/A/Label"),
  .init(
    machineText(
      #""A":{"Type":"Map","Iterator":{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}},"End":true}"#),
    "DUPLICATE_STATE_NAME: Duplicate State name: A @ /States/A/Iterator/States/A"),
  .init(
    machineText(
      #""A":{"Type":"Map","ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Pass","Next":"B"}}},"Next":"B"},"#
        + succeed),
    "MISSING_TRANSITION_TARGET: Missing 'Next' target: B @ /States/A/ItemProcessor/States/X/Next"),
  .init(
    machineText(#""A":{"Type":"Parallel","Branches":[],"End":true}"#),
    "S: Value cannot be empty @ /States/A/Branches"),
  .init(
    machineText(#""A":{"Type":"Parallel","Branches":[{}],"End":true}"#),
    "S: These fields are required: [States, StartAt] @ /States/A/Branches[0]"),
  .init(
    machineText(
      #""A":{"Type":"Map","Label":"L","Iterator":{"StartAt":"X","States":{"X":{"Type":"Pass","End":true}}},"Next":"B"},"B":{"Type":"Map","Label":"L","Iterator":{"StartAt":"Y","States":{"Y":{"Type":"Pass","End":true}}},"End":true}"#
    ), "DUPLICATE_LABEL_NAME: Duplicate Label name: L @ /States/B/Label"),
  .init(
    map(#""ItemReader":{"Resource":"arn:aws:states:::s3:nope"}"#),
    "S: The field 'Resource' does not match any of the allowed values @ /States/A/ItemReader/Resource"),
  .init(
    map(#""ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV"}}"#),
    "S: The field 'CSVHeaderLocation' is required @ /States/A/ItemReader/ReaderConfig"),
  .init(
    map(
      #""ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"CSV","CSVHeaderLocation":"GIVEN"}}"#
    ), "S: These fields are required: [CSVHeaders] @ /States/A/ItemReader/ReaderConfig"),
  .init(
    map(
      #""ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON","CSVHeaderLocation":"GIVEN"}}"#
    ), "S: Field 'CSVHeaderLocation' is not supported @ /States/A/ItemReader/ReaderConfig"),
  .init(
    map(#""ItemBatcher":{}"#),
    "S: The object must have at least one of the following fields: [MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath] @ /States/A/ItemBatcher"
  ),
  .init(
    map(#""ResultWriter":{}"#),
    "S: These fields are required: [Resource, Parameters] @ /States/A/ResultWriter"),
  .init(
    machineText(#""A":{"Type":"Fail","Error":"e","ErrorPath":"$.e"}"#),
    "S: There should only be one of the following fields: [Error, ErrorPath] @ /States/A"),
  .init(
    machineText(#""A":{"Type":"Fail","ErrorPath":"Error","CausePath":"States.Format('{}', $.c)"}"#),
    "S: The value for the field 'ErrorPath' must be a valid JSONPath or a valid intrinsic function call @ /States/A/ErrorPath"
  ),

  // Nothing wrong.
  .init(machineText(#""A":{"Type":"Pass","End":true}"#)),
]

extension String {
  /// `B` as the first state.
  fileprivate var replacingB: String { "\"A\"" + dropFirst(3) }
}

struct ValidationTableTests {
  /// Each mistake gives the service's diagnostics and no others; a definition comes of it unless one is an
  /// error.
  @Test(arguments: rows)
  func row(_ row: ValidationRow) {
    let (definition, diagnostics) = readDefinition(row.definition, row.options)
    #expect(diagnostics.map(\.brief) == row.expected)
    #expect((definition != nil) == !diagnostics.contains { $0.severity == .error })
  }

  /// Mistakes in different places are all reported, in the service's order.
  @Test func allAtOnce() {
    let text = #"""
      {"StartAt":"A","States":{
        "A":{"Type":"Task","Next":"Z"},
        "B":{"Type":"Wait","Seconds":-1,"End":true},
        "C":{"Type":"Pass","InputPath":"x","Next":"A"}}}
      """#
    #expect(
      readDefinition(text).diagnostics.map(\.brief) == [
        "S: These fields are required: [Resource] @ /States/A",
        "S: Minimum value is 0 @ /States/B/Seconds",
        "S: Value must be a valid JSONPath. @ /States/C/InputPath",
        "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z @ /States/A/Next",
        #"MISSING_TRANSITION_TARGET: State "B" is not reachable. @ /States/B"#,
        #"MISSING_TRANSITION_TARGET: State "C" is not reachable. @ /States/C"#,
      ])
  }

  /// A state inside a Map takes the whole machine's query language, not the Map's.
  @Test func innerStatesTakeTheMachinesLanguage() throws {
    let text = #"""
      {"StartAt":"M","States":{"M":{"Type":"Map","QueryLanguage":"JSONata","Items":"{% [1] %}","End":true,
        "ItemProcessor":{"StartAt":"X","States":{"X":{"Type":"Pass","Parameters":{"a.$":"$"},"End":true}}}}}}
      """#
    let (definition, diagnostics) = readDefinition(text)
    #expect(diagnostics.isEmpty)
    let state = try #require(definition?.machine.states.first)
    #expect(state.queryLanguage == .jsonata)
    guard case .map(let map) = state.kind else { throw UnexpectedShape("no Map") }
    #expect(map.processor.states.first?.queryLanguage == .jsonPath)
  }

  /// What the engine cannot run yet is told apart from what is wrong.
  @Test func unsupported() throws {
    let text = #"""
      {"StartAt":"M","States":{"M":{"Type":"Map","QueryLanguage":"JSONata","End":true,
        "ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"PARQUET"},
          "Arguments":{"Bucket":"b","Key":"k"}},
        "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
          "StartAt":"X","States":{"X":{"Type":"Pass","End":true}}}}}}
      """#
    let (definition, diagnostics) = readDefinition(text)
    #expect(diagnostics.isEmpty)
    let unsupported = try #require(definition).unsupported()
    #expect(unsupported.map(\.code) == ["STEPMILL_NOT_SUPPORTED"])
    #expect(unsupported.map(\.location) == ["/States/M/ItemReader/ReaderConfig/InputType"])
  }

  /// The tree holds what was written.
  @Test func definitionTree() throws {
    let text = #"""
      {"Comment":"c","TimeoutSeconds":30,"StartAt":"T","States":{
        "T":{"Type":"Task","Resource":"f","TimeoutSecondsPath":"$.t","ResultPath":"$.r","InputPath":null,
          "Retry":[{"ErrorEquals":["E"],"IntervalSeconds":2,"MaxAttempts":5,"BackoffRate":1.5,"MaxDelaySeconds":9,
            "JitterStrategy":"FULL"}],
          "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":null,"Next":"F"}],"Next":"C"},
        "C":{"Type":"Choice","Choices":[
          {"And":[{"Variable":"$.a","NumericLessThanPath":"$.b"},{"Not":{"Variable":"$.a","IsNull":true}}],"Next":"F"}
        ],"Default":"W"},
        "W":{"Type":"Wait","Timestamp":"2030-01-01T00:00:00Z","End":true},
        "F":{"Type":"Fail","Error":"E","CausePath":"$.c"}}}
      """#
    let (read, diagnostics) = readDefinition(text)
    #expect(diagnostics.isEmpty)
    let definition = try #require(read)
    #expect(definition.comment == "c")
    #expect(definition.timeoutSeconds == 30)
    #expect(definition.machine.startAt.value == "T")
    #expect(definition.machine.states.map(\.name) == ["T", "C", "W", "F"])
    let task = definition.machine.states[0]
    guard case .task(let taskFields) = task.kind, case .path(let timeout) = taskFields.timeout,
      case .null = task.inputPath, case .path(let resultPath) = task.resultPath
    else { throw UnexpectedShape("wrong task") }
    #expect(taskFields.resource.value == "f")
    #expect(timeout.value == "$.t")
    #expect(resultPath.value == "$.r")
    let retrier = try #require(task.retriers.first)
    #expect(retrier.errorEquals == ["E"])
    #expect(retrier.intervalSeconds == 2)
    #expect(retrier.maxAttempts == 5)
    #expect(retrier.backoffRate == 1.5)
    #expect(retrier.maxDelaySeconds == 9)
    #expect(retrier.fullJitter)
    guard case .null = task.catchers[0].resultPath else { throw UnexpectedShape("wrong catcher") }
    guard case .choice(let choice) = definition.machine.states[1].kind,
      case .and(let parts) = choice.rules[0].condition, case .compare(let comparison) = parts[0],
      case .not(.compare(let inner)) = parts[1]
    else { throw UnexpectedShape("wrong choice") }
    #expect(comparison.comparator == .numericLessThan)
    #expect(comparison.operandIsPath)
    #expect(inner.comparator == .isNull)
    #expect(choice.defaultState?.value == "W")
  }
}
