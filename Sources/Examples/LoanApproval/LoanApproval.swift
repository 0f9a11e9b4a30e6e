// A loan application: received, checked by a credit bureau, decided by a Choice, answered.

import Stepmill

struct Application: Codable {
  var applicant: String
  var amount: Int
  var income: Int
}

struct Credit: Codable {
  var score: Int
}

struct Decision: Codable {
  var number: String
  var decision: String
  var notice: String
}

@main struct LoanApprovalExample {
  static func main() async throws {
    let runtime = try Runtime()
    runtime.register("credit.check") { (application: Application) async -> Credit in
      Credit(score: min(850, 300 + application.income / 100))
    }
    runtime.register("applicant.notify", .synchronous { call in call.succeed(call.input) })

    let workflow = try runtime.workflow(utf8: PackageResources.LoanApproval_asl_json, name: "loan")
    let applications = [
      Application(applicant: "Ada", amount: 25_000, income: 72_000),
      Application(applicant: "Ben", amount: 90_000, income: 60_000),
      Application(applicant: "Cleo", amount: 5_000, income: 9_000),
    ]
    for application in applications {
      let decision: Decision = try await workflow.run(application)
      print(decision.notice)
    }
  }
}
