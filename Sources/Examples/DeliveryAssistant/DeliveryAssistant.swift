// A delivery assistant. The language model is a task like any other: it proposes, the workflow
// decides. The model's steps can be retried, timed, recorded and replaced without touching
// the rest.

import Stepmill

@main struct DeliveryAssistantExample {
  static func main() async throws {
    let runtime = try Runtime()
    let model = Model()
    // Asynchronous, so thousands of conversations can wait for the model on one thread.
    runtime.register("model.complete", .async { request in try await model.complete(request.input) })
    runtime.register(
      "parcel.find",
      .synchronous { call in
        call.succeed(members: 1) { $0.add("status", "Parcel ", joining: call.input["parcel"]) }
      })
    runtime.register(
      "parcel.reschedule",
      .synchronous { call in
        call.succeed(members: 1) { $0.add("status", "New day: ", joining: call.input["day"]) }
      })

    let workflow = try runtime.workflow(utf8: PackageResources.DeliveryAssistant_asl_json, name: "assistant")
    for message in ["Where is my parcel?", "Please bring it on Friday.", "I like your vans."] {
      let output = try await workflow.run(["message": JSON(message), "parcel": "P-4711"])
      print("> \(message)")
      print("  [\(output["intent"]?.string ?? "?")] \(output["answer"]?.string ?? "?")")
    }
  }
}

/// A stand-in for a language model that needs no network and always says the same. A real one
/// sends `prompt` to its service at the marked place; the rest of the program stays as it is.
struct Model {
  func complete(_ prompt: JSON) async throws -> JSON {
    // Here the real call goes: `try await client.complete(prompt.text)`. Let it throw
    // TaskFailure(error: "Model.Overloaded") when the service is busy, and Retry does the rest.
    await Task.yield()
    let message = prompt["message"]?.string ?? ""
    switch prompt["task"]?.string {
    case "classify":
      if message.contains("Where") { return ["intent": "track"] }
      if message.contains("bring it on") { return ["intent": "reschedule", "day": "Friday"] }
      return ["intent": "other"]
    case "answer":
      return ["text": JSON("Thank you for writing. \(prompt["facts"]?.string ?? "")")]
    default:
      throw TaskFailure(error: "Model.UnknownTask", cause: "the prompt names no task")
    }
  }
}
