import HeapCounter
import Testing

@testable import Stepmill

/// Proves that evaluating what states are full of takes nothing from the heap, once the first
/// evaluations have filled the pool of chunks.
@Suite struct JSONataAllocationTests {
  private static let order = """
    {"order":{"id":"ORD-2026-000123","total":249.95,"customer":{"name":"Alexandra","tier":"gold"},
    "shipTo":{"city":"Malmö"},"items":[{"sku":"a","qty":1,"price":2.5},{"sku":"b","qty":2,"price":10}],
    "channel":"web","meta":{"session":"7b1c"}}}
    """

  @Test(
    .enabled(if: heap_counter_counts(), "a sanitizer has the heap"),
    arguments: [
      "$input.order.total > 100 and $input.order.customer.tier = 'gold' and $input.order.channel = 'web'",
      """
      {"orderId": $input.order.id, "amount": $input.order.total, "customer": $input.order.customer.name,
       "tier": $input.order.customer.tier, "city": $input.order.shipTo.city, "items": $input.order.items,
       "channel": $input.order.channel, "session": $input.order.meta.session}
      """,
      "$input.order.id & '-' & $input.order.total", "$sum($input.order.items.(qty * price))",
      "$input.order.items[price > 5].{'s': sku, 'n': qty}", "$input.order.items{sku: $sum(qty)}",
      "$map($input.order.items, function($v, $i) { $i + $v.qty })", "$exists($input.order.nope) ? 1 : [1..5]",
      "$input.order.items^(>price).sku", "$join($split($input.order.id, '-'), '/')",
    ])
  func steadyState(expression: String) throws {
    let bench = JSONataBench()
    // The input lives in an arena of its own; the other one is emptied between evaluations.
    let data = JSONataBench()
    let input = data.parse(Self.order.utf8)
    let program = try JSONataProgram.compile(expression, options: bench.options)
    #expect(program.externals == ["input"])
    let slots = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    slots.initialize(to: input)
    defer { slots.deallocate() }
    let environment = UnsafeMutablePointer<JSONataEnvironment>.allocate(capacity: 1)
    environment.initialize(to: bench.environment)
    defer { environment.deallocate() }
    var failures = 0
    func evaluate() {
      bench.arena.pointee.release()
      let result = program.evaluate(
        input: .missing, variables: slots, arena: bench.arena, scratch: bench.scratch,
        environment: environment)
      guard case .value = result else {
        failures += 1
        return
      }
    }
    for _ in 0..<10 { evaluate() }
    let before = heap_counter_made()
    for _ in 0..<100 { evaluate() }
    let made = heap_counter_made() - before
    #expect(made == 0, "\(made) allocations in 100 evaluations")
    #expect(failures == 0)
  }
}
