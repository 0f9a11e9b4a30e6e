import Stepmill

extension JSON {
  /// The elements of an array; of anything else none.
  package var elementList: [JSON] { array.map { Array($0) } ?? [] }

  /// The members of an object; of anything else none.
  package var memberList: [(key: String, value: JSON)] { object.map { Array($0) } ?? [] }
}
