// How sockets live on a runtime's loops: the seam for servers and clients in other targets.
//
// A tenant puts libuv handles of its own on the loop. Their callbacks run on the loop's thread,
// between the turns in which the engine works, and obey four rules:
//
//  1. A callback that may make work for the engine, or changes what the loop waits for, begins
//     with `beginCallback`. Without it a loop that was just about to block would do so with
//     that work lying there, or be woken by a system call from its own thread.
//  2. Whatever the engine tells a tenant (the end of an execution, an answer) comes in the
//     middle of a turn. A tenant notes it and acts in `turnEnded`: so nothing of its own runs
//     further up the engine's stack, and what goes out goes out together.
//  3. When the loop ends, the tenant closes its handles. libuv needs another round of the loop
//     for that; `isGone` says when it is over. A tenant gets as long as a cancelled handler.
//  4. A loop holds its tenants until it ends or they leave, a tenant may hold its loop.

/// Something else that lives on a runtime's loop. All calls come on the loop's thread.
package protocol LoopTenant: AnyObject {
  /// The engine has done a slice of its work; the loop may be about to block.
  func turnEnded()
  /// The loop ends: close all handles.
  func loopEnds()
  /// No handle of the tenant's is left.
  var isGone: Bool { get }
}

extension LoopTenant {
  package func turnEnded() {}
}

/// One loop of a runtime, as its tenants see it. May be used from any thread, where a member
/// does not say otherwise.
package struct TenantLoop: Sendable, Hashable {
  private let loop: Loop

  init(_ loop: Loop) { self.loop = loop }

  var engine: Loop { loop }

  /// A number that no other loop of the process has had.
  package var number: Int { loop.number }

  /// Whether the caller is on the loop's thread.
  @inline(__always)
  package var isCurrent: Bool { loop.executor.isOnLoop }

  /// Runs `body` on the loop's thread, soon. A loop that has ended drops it; one that is ending
  /// still runs it if `isHeardToTheEnd`.
  package func post(isHeardToTheEnd: Bool = false, _ body: @escaping @Sendable () -> Void) {
    loop.post(isHeardToTheEnd: isHeardToTheEnd) { _ in body() }
  }

  /// The address of the `uv_loop_t`, which belongs to the loop's thread.
  package var uvLoop: UnsafeMutableRawPointer { UnsafeMutableRawPointer(loop.uv.loop) }

  /// To be called first in callbacks of the tenant's handles; see rule 1.
  @inline(__always)
  package func beginCallback() { loop.beginCallback() }

  /// Moves in. On the loop's thread.
  package func add(_ tenant: any LoopTenant) { loop.add(tenant) }

  /// Moves out; all handles are closed. On the loop's thread.
  package func remove(_ tenant: any LoopTenant) { loop.remove(tenant) }

  package static func == (one: TenantLoop, other: TenantLoop) -> Bool { one.loop === other.loop }
  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(loop)) }
}

extension Loop {
  /// The loop is awake: producers need not wake it, and it must not block before its next turn.
  @inline(__always)
  func beginCallback() {
    shared.pointee.endSleep()
    uv.interruptAny()
  }
}

extension Runtime {
  /// The loops, in an order that never changes: those with a thread of their own, or the one
  /// in a host's loop.
  package var tenantLoops: [TenantLoop] { core.allLoops.map(TenantLoop.init) }
}
