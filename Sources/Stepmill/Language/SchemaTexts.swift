// What the fields of the language are for, in the words that editors show beside them. Plain ASCII, one or two
// sentences; the rules themselves are in the tables.

enum SchemaTexts {
  /// What a field is for. A word for one kind of object stands before the common one.
  static func text(of name: String, in kind: SchemaObject) -> String {
    special(name, kind) ?? common[name] ?? comparison(name) ?? ""
  }

  static let queryLanguageOfState =
    "The language of the paths and expressions in this state. Without it: the machine's."

  static func text(of type: StateTypeName) -> String {
    switch type {
    case .task: "Does one piece of work: calls a function, a service, or a handler, and takes its answer."
    case .wait: "Waits for so many seconds, or until a time."
    case .pass: "Passes its input on, changed if you like, and does nothing else."
    case .succeed: "Ends the execution, the branch or the iteration with success."
    case .fail: "Ends the execution, the branch or the iteration with an error."
    case .choice: "Goes one way or another, by rules that look at the data."
    case .parallel: "Runs branches beside each other; its result is the list of their outputs."
    case .map: "Runs a machine for each item of a list; its result is the list of their outputs."
    }
  }

  /// The names that the service gives to errors of its own.
  static let errorNames = [
    "States.ALL", "States.TaskFailed", "States.Timeout", "States.HeartbeatTimeout", "States.Permissions",
    "States.Runtime", "States.DataLimitExceeded", "States.NoChoiceMatched", "States.BranchFailed",
    "States.ParameterPathFailure", "States.ResultPathMatchFailure", "States.IntrinsicFailure",
    "States.QueryEvaluationError", "States.ExceedToleratedFailureThreshold", "States.ItemReaderFailed",
    "States.ResultWriterFailed",
  ]

  private static func special(_ name: String, _ kind: SchemaObject) -> String? {
    switch (kind, name) {
    case (.machine, "TimeoutSeconds"):
      "The execution fails with States.Timeout when it runs longer than so many seconds."
    case (.machine, "QueryLanguage"):
      "The language of paths and expressions in states that do not say their own. Without it: JSONPath."
    case (.branch, "States"), (.processor, "States"):
      "The states of this machine, by their names. Names are unique in the whole definition."
    case (.state(.pass), "Parameters"): "What takes the place of the input: a payload template."
    case (.state(.map), "Parameters"): "An older name of ItemSelector."
    case (.state(.task), "Parameters"): "The request that is sent: a payload template."
    case (.state(.parallel), "Parameters"): "What each branch gets as input: a payload template."
    case (.state(.task), "Arguments"): "The request that is sent; strings in {% %} are expressions."
    case (.state(.parallel), "Arguments"):
      "What each branch gets as input; strings in {% %} are expressions."
    case (.state(.choice), "Assign"): "Variables that are set when no rule matches and Default is taken."
    case (.state(.choice), "Output"): "The output when no rule matches and Default is taken."
    case (.rule, "Assign"): "Variables that are set when this rule matches."
    case (.rule, "Output"): "The output when this rule matches."
    case (.rule, "Next"): "The state that follows when this rule matches."
    case (.catcher, "Assign"): "Variables that are set when this catcher takes the error."
    case (.catcher, "Output"): "The output that goes to the next state; $states.errorOutput is the error."
    case (.catcher, "Next"): "The state that handles the error."
    case (.catcher, "ErrorEquals"): "The names of errors that this catcher takes."
    case (.catcher, "ResultPath"):
      "Where in the input the error goes: an object with Error and Cause. null drops it."
    case (.retrier, "ErrorEquals"): "The names of errors after which the state is tried again."
    case (.itemReader, "Resource"): "What reads the items: s3:getObject or s3:listObjectsV2, as an ARN."
    case (.resultWriter, "Resource"): "What writes the results: s3:putObject, as an ARN."
    case (.itemReader, "Parameters"), (.itemReader, "Arguments"): "What is read: bucket, key or prefix."
    case (.resultWriter, "Parameters"), (.resultWriter, "Arguments"):
      "Where results go: bucket and prefix."
    case (.readerConfig, "Transformation"): "What becomes of listed objects."
    case (.writerConfig, "Transformation"): "How much of each child execution is written."
    default: nil
    }
  }

  private static func comparison(_ name: String) -> String? {
    if let comparator = Comparator(rawValue: name) {
      switch comparator {
      case .isNull, .isPresent, .isNumeric, .isString, .isBoolean, .isTimestamp:
        return "Whether the variable is what the name says; false asks for the contrary."
      case .stringMatches:
        return "The variable is a string of this form; * stands for any text, \\\\* for an asterisk."
      default: return "Compares the variable with this value; false if it has another type."
      }
    }
    return Comparator.fieldNames.contains(name)
      ? "Compares the variable with the value at this path; false if one has another type." : nil
  }

  private static let common = [
    "Comment": "For people; it has no effect.",
    "StartAt": "The name of the state that runs first.",
    "States": "The states, by their names. Names are unique in the whole definition.",
    "Version": "The version of the language.",
    "Next": "The name of the state that follows.",
    "End": "true: the execution, the branch or the iteration ends with this state.",
    "QueryLanguage": queryLanguageOfState,

    "InputPath": "The part of the input that the state sees. null: an empty object. Without it: all of it.",
    "OutputPath": "The part of the output that goes on. null: an empty object. Without it: all of it.",
    "ResultSelector": "What takes the place of the result: a payload template.",
    "ResultPath":
      "Where in the input the result goes. null drops it. Without it the result takes the input's place.",
    "Assign": "Variables to set, by their names; later states read them as $name.",
    "Output": "The state's output; strings in {% %} are expressions, and $states.result is the result.",

    "Resource":
      "What does the work: the ARN of a function, an activity or an integration such as "
      + "arn:aws:states:::lambda:invoke; in Stepmill also the plain name of a handler.",
    "Credentials": "The role to take on for the call.",
    "TimeoutSeconds": "The state fails with States.Timeout when it runs longer than so many seconds.",
    "TimeoutSecondsPath": "Where the data say how many seconds the state may run.",
    "HeartbeatSeconds":
      "The state fails with States.HeartbeatTimeout when so many seconds pass without a sign of life.",
    "HeartbeatSecondsPath": "Where the data say how many seconds may pass without a sign of life.",
    "Retry": "When to try again after an error, and how often; the first entry that matches counts.",
    "Catch": "Where to go after an error; the first entry that matches counts.",

    "ErrorEquals": "The names of errors.",
    "IntervalSeconds": "Seconds before the first retry. Without it: 1.",
    "MaxAttempts": "How often to try again; 0 never. Without it: 3.",
    "BackoffRate": "What each pause is multiplied by for the next. Without it: 2.",
    "MaxDelaySeconds": "The longest pause.",
    "JitterStrategy": "FULL: pauses are random, from zero to what they would be. Without it: NONE.",

    "Result": "The result, as it stands here: nothing in it is evaluated.",
    "Choices": "The rules, in order; the first that matches counts.",
    "Default": "The state that follows when no rule matches. Without it the execution fails then.",
    "Variable": "Where the value lies that is compared.",
    "Condition": "An expression in {% %} that gives true or false.",
    "And": "True when all of these are.",
    "Or": "True when one of these is.",
    "Not": "True when this is not.",

    "Seconds": "How long to wait.",
    "SecondsPath": "Where the data say how many seconds to wait.",
    "Timestamp": "When to go on, such as 2030-01-31T09:30:00Z.",
    "TimestampPath": "Where the data say when to go on.",

    "Error": "The name of the error.",
    "ErrorPath": "Where the data say the name of the error, or an intrinsic call that makes it.",
    "Cause": "What went wrong, for people.",
    "CausePath": "Where the data say what went wrong, or an intrinsic call that makes it.",

    "Branches": "The machines that run beside each other. Each gets a copy of the input.",

    "ItemProcessor": "The machine that runs for each item.",
    "Iterator": "An older name of ItemProcessor.",
    "ProcessorConfig": "Whether the machine runs inside of this execution or in executions of its own.",
    "Mode": "INLINE: inside of this execution. DISTRIBUTED: in executions of its own.",
    "ExecutionType": "What the child executions of a distributed Map run as.",
    "Items": "The list (or an object, for its members); an expression in {% %}, or as it stands here.",
    "ItemsPath": "Where in the input the list lies. Without it: the input itself.",
    "ItemSelector": "What each iteration gets as input; the item is at $$.Map.Item.Value, its number at "
      + "$$.Map.Item.Index (in JSONata at $states.context.Map.Item).",
    "MaxConcurrency": "How many iterations run at a time; 0 is no bound of your own.",
    "MaxConcurrencyPath": "Where the data say how many iterations run at a time.",
    "Label": "What the child executions of a distributed Map are called.",
    "ItemReader": "Where the items of a distributed Map come from.",
    "ItemBatcher": "Groups items, so that one child execution works on several.",
    "ResultWriter": "Where the results of a distributed Map go.",
    "ToleratedFailureCount": "How many items may fail before the Map does.",
    "ToleratedFailureCountPath": "Where the data say how many items may fail.",
    "ToleratedFailurePercentage": "How many of a hundred items may fail before the Map does.",
    "ToleratedFailurePercentagePath": "Where the data say how many of a hundred items may fail.",

    "ReaderConfig": "The form of what is read.",
    "InputType": "The format of the file.",
    "ManifestType": "What wrote the manifest that lists the files.",
    "CSVHeaderLocation": "FIRST_ROW: the names of columns are in the file. GIVEN: in CSVHeaders.",
    "CSVHeaders": "The names of the columns.",
    "CSVDelimiter": "What stands between columns. Without it: COMMA.",
    "ItemsPointer": "A JSON pointer to the list inside of the file.",
    "MaxItems": "How many items are read at the most.",
    "MaxItemsPath": "Where the data say how many items are read at the most.",
    "MaxItemsPerBatch": "How many items go to one child execution.",
    "MaxItemsPerBatchPath": "Where the data say how many items go to one child execution.",
    "MaxInputBytesPerBatch": "How large the input of a child execution may be.",
    "MaxInputBytesPerBatchPath": "Where the data say how large the input of a child execution may be.",
    "BatchInput": "What every child execution gets besides its items.",
    "WriterConfig": "The form of what is written.",
    "OutputType": "The format of the files.",
  ]
}
