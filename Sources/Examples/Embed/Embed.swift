// The least that embeds a runtime. What this program links is what every embedder links:
// libuv, Swift's own runtime, the platform.

import Stepmill

@main struct EmbedExample {
  static func main() async throws {
    let runtime = try Runtime()
    runtime.register(
      "greet",
      .synchronous { call in
        call.succeed(members: 1) { $0.add("text", "Hello, ", joining: call.input["name"]) }
      })
    let workflow = try runtime.workflow(
      #"{"StartAt": "Greet", "States": {"Greet": {"Type": "Task", "Resource": "greet", "End": true}}}"#)
    print(try await workflow.run(["name": "world"]))
  }
}
