import Stepmill
import StepmillYAML
import Testing

@testable import StepmillCommands

/// Proves that `fmt` moves members and nothing else, in both notations, that a second run changes
/// nothing, and that files are only touched when asked for.
@Suite struct FormatTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private static let json = """
    {"States":{"B":{"End":true,"Parameters":{"z":1.50,"a":"\\u00e9"},"Type":"Pass"},
     "A":{"Default":"B","Choices":[{"Next":"B","Assign":{},"NumericEquals":1e2,"Variable":"$.x"},
       {"Next":"B","And":[{"IsNull":true,"Variable":"$.y"}]}],"Type":"Choice"},
     "C":{"Type":"Task","Own":1,"Retry":[{"MaxAttempts":1,"ErrorEquals":["A","B"]}],"Next":"A","Resource":"r"}},
     "StartAt":"C","Comment":"c"}
    """

  @Test func jsonGetsTheCanonicalForm() async throws {
    let run = try await stepmill("fmt", "-", input: Self.json)
    #expect(run.status == 0)
    #expect(
      run.output == #"""
        {
          "Comment": "c",
          "StartAt": "C",
          "States": {
            "B": {
              "Type": "Pass",
              "Parameters": {
                "z": 1.50,
                "a": "\u00e9"
              },
              "End": true
            },
            "A": {
              "Type": "Choice",
              "Choices": [
                {
                  "Variable": "$.x",
                  "NumericEquals": 1e2,
                  "Assign": {},
                  "Next": "B"
                },
                {
                  "And": [
                    {
                      "Variable": "$.y",
                      "IsNull": true
                    }
                  ],
                  "Next": "B"
                }
              ],
              "Default": "B"
            },
            "C": {
              "Type": "Task",
              "Resource": "r",
              "Retry": [
                {
                  "ErrorEquals": ["A", "B"],
                  "MaxAttempts": 1
                }
              ],
              "Next": "A",
              "Own": 1
            }
          }
        }

        """#)
    #expect(try await stepmill("fmt", "-", input: run.output).output == run.output)
  }

  private static let yaml = """
    # The whole.
    States:   # all of them
      # First the wait.
      W:
        Next: T
        # how long
        Seconds: 0x10
        Type: Wait

      T:
        Retry:
          # rarely
          - MaxAttempts: 1   # once
            ErrorEquals: [B, A]
          - # another
            ErrorEquals: ['C']
        Parameters:
          z: |
            # no comment
            text
          a: &x 1
        Type: Task
        Resource: r
        End: true
      # the end of the states
    StartAt: W
    # the end
    """

  private static let sortedYAML = """
    # The whole.
    StartAt: W
    States:   # all of them
      # First the wait.
      W:
        Type: Wait
        # how long
        Seconds: 0x10
        Next: T

      T:
        Type: Task
        Resource: r
        Parameters:
          z: |
            # no comment
            text
          a: &x 1
        Retry:
          # rarely
          - ErrorEquals: [B, A]
            MaxAttempts: 1   # once
          - # another
            ErrorEquals: ['C']
        End: true
      # the end of the states
    # the end

    """

  @Test func yamlKeepsAllButTheOrder() async throws {
    let run = try await stepmill("fmt", scratch.file("w.yaml", Self.yaml))
    #expect(run.error.isEmpty)
    #expect(run.output == Self.sortedYAML)
    #expect(try await stepmill("fmt", scratch.file("w2.yaml", run.output)).output == run.output)
  }

  @Test func whatWouldChangeItsMeaningStays() async throws {
    let text = "States:\n  A: {Type: &p Pass, End: true}\nStartAt: A\nComment: *p\n"
    let run = try await stepmill("fmt", scratch.file("a.yaml", text))
    #expect(run.status == 0)
    #expect(run.output == text)
    #expect(run.error.contains("a.yaml is left as it is"))
  }

  @Test func filesAreOnlyTouchedWhenAskedFor() async throws {
    let file = try scratch.file("o.json", Self.json)
    let check = try await stepmill("fmt", "--check", file)
    #expect(check.status == 1 && check.output == "\(file)\n")
    #expect(try await stepmill("fmt", "--write", file).status == 0)
    let again = try await stepmill("fmt", "--check", file)
    #expect(again.status == 0 && again.output.isEmpty)
    let lost = try await stepmill("fmt", "--check", file + ".missing", file)
    #expect(lost.status == 2 && lost.error.contains("cannot be read"))
    let locked = try await stepmill("fmt", "--write", "/dev/null/x")
    #expect(locked.status == 2)
  }

  @Test(arguments: [
    (["--write", "--check", "x"], "exclude one another"), (["a", "b"], "need --write or --check"),
    (["--write", "-"], "needs a file"), (["--to", "yaml", "--write", "x"], "keeps its notation"),
    (["--indent", "9", "x"], "from 1 to 8"), ([], "FILE is missing"),
  ])
  func wrongUseIsNamed(_ arguments: [String], _ text: String) async throws {
    let run = try await stepmill(["fmt"] + arguments)
    #expect(run.status == 2 && run.error.contains(text), "\(run.error)")
  }

  @Test func whatIsNoJSONIsShown() async throws {
    let run = try await stepmill("fmt", scratch.file("bad.json", "{\"a\": }"))
    #expect(run.status == 2)
    #expect(run.error.contains("bad.json:1:7: error:") && run.error.contains("cannot be laid out"))
  }

  /// Texts that a careless writer of YAML gets wrong come back as they were.
  @Test func jsonBecomesYAMLAndBack() async throws {
    let texts = [
      "", " ", "a", "a b", "true", "Null", "~", "1", "0x1", ".5", ".inf", "yes", "On", "- a", "a: b", "a:",
      "a #b",
      "#a", "*a", "&a", "!a", "{a", "[a", "%a", "@a", "`a", "'a", "\"a", "a\nb", "a\nb\n", "a\n\nb\n\n",
      " a\nb",
      "a \nb", "\n", "\n\n", "a\tb", "a\rb", "\u{1}", "\u{7F}", "\u{85}", "\u{2028}", "\u{FEFF}a", "é", "😀",
      "$.a[0]", "{% $x ~ ': ' %}", "{% $x\n  ~ 1 %}", "States.Format('{}', $.a)", "a\\b", "---", "...",
      "2020-01-01",
      String(repeating: "x y ", count: 100), "$", "$$.a", "/a", "_", "?", "? a", ",", "=", "<<", ">a", "|",
    ]
    var json: JSON = [
      "empty": [], "none": [:], "nested": [[], [[1, [2, ["k": "v"]]], ["a": [:]]], .null, true, -1.5e-7],
    ]
    json["texts"] = JSON(texts.map { JSON($0) })
    json["names"] = JSON(members: texts.map { ($0, JSON($0)) })
    let yaml = try await stepmill("fmt", "-", "--to", "yaml", input: json.text)
    #expect(yaml.status == 0)
    let back = try await stepmill("fmt", scratch.file("back.yaml", yaml.output), "--to", "json")
    #expect(back.status == 0, "\(back.error)")
    #expect(try JSON(parsing: back.output) == json, "\(yaml.output)")
  }

  @Test func yamlIsLaidOutForPeople() async throws {
    let text = #"""
      {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[{"ErrorEquals":["States.ALL"]}],
       "Output":"{% {\n  'a': $states.result\n} %}\n","Assign":{"on":"1"},"End":true}}}
      """#
    let run = try await stepmill("fmt", "-", "--to", "yaml", input: text)
    #expect(
      run.output == """
        StartAt: A
        States:
          A:
            Type: Task
            Resource: arn:aws:states:::lambda:invoke
            Assign:
              "on": "1"
            Output: |
              {% {
                'a': $states.result
              } %}
            Retry:
              - ErrorEquals:
                  - States.ALL
            End: true

        """)
  }
}
