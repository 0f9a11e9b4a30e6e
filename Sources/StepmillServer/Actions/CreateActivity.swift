import Stepmill

/// Makes an activity, or finds that it is there already.
enum CreateActivity {
  static let route = Route.direct(
    "CreateActivity",
    [
      .required("name", .text(min: 1, max: 80)), .optional("tags", Shapes.tags),
      .optional("encryptionConfiguration", Shapes.encryption),
    ]
  ) { service, request throws(APIError) in
    let name = request.required("name")
    guard NameRule.isValid(name) else { throw .invalidName(name) }
    let scope = request.scope
    let encryption = try service.encryption(request) ?? EncryptionConfiguration()
    let arn = scope.activityARN(name)
    let tags = try service.tags(request, of: arn)
    let activity = try service.changing { () throws(APIError) -> Activity in
      if let known = service.store.activity(name, in: scope) {
        guard known.encryption == encryption else { throw .activityExists(arn) }
        return known
      }
      guard service.store.activityCount(in: scope) < service.configuration.activitiesMax else {
        throw .activityLimit()
      }
      let made = Activity(name: name, creationDate: service.now, encryption: encryption, tags: tags)
      service.store.put(made, in: scope)
      return made
    }
    var body = ResponseBody()
    body.add("activityArn", arn)
    body.add("creationDate", date: activity.creationDate)
    return body
  }
}
