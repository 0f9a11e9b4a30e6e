import Stepmill
import Testing

@testable import StepmillServer

@Suite struct NameTableTests {
  /// Against a dictionary, with as many names as places, so that runs of them meet and wrap.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func findsWhatADictionaryFinds(seed: UInt64) throws {
    let store = MemoryStore()
    let harness = ServiceHarness(store: store)
    harness.create("m")
    harness.start("m", name: "one")
    let scope = Scope(region: "us-east-1", account: "123456789012")
    let origin = try #require(store.execution("one", of: "m", in: scope)).origin
    let random = IdentifierSource(seed: seed)
    var table = NameTable()
    var known: [String: StoredExecution] = [:]
    for step in 0..<20_000 {
      // Now more come, now more go.
      let name = "e\(random.below(step / 2000 % 2 == 0 ? 300 : 3000))"
      let execution = StoredExecution(origin, name: ExecutionName(name), startDate: 1, life: .init())
      if random.below(5) < (step / 1000 % 2 == 0 ? 3 : 2) {
        let before = table.insert(execution, NameTable.hash(execution.label))
        #expect(before === known[name], "step \(step) of seed \(seed)")
        if before == nil { known[name] = execution }
      } else if let old = known.removeValue(forKey: name) {
        let hash = NameTable.hash(old.label)
        let (stranger, itself) = (table.remove(execution, hash), table.remove(old, hash))
        let isThere = table[old.label] != nil
        #expect(!stranger && itself && !isThere, "step \(step) of seed \(seed)")
      } else {
        let found = table[ExecutionName(name)]
        #expect(found == nil, "step \(step) of seed \(seed)")
      }
    }
    let counts = (table.count, table.all.count)
    #expect(counts == (known.count, known.count))
    for (name, execution) in known {
      let found = table[ExecutionName(name)]
      #expect(found === execution)
    }
  }
}
