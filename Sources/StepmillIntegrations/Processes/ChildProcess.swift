import CLibuv
import Stepmill

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// A shell command as a child process: bytes in, bytes out, an exit status.
//
// The child leads a session of its own. So the terminal's Ctrl-C reaches only us, who then
// end it in our own way, and a signal to its process group reaches all it has started.
// It is done when it has exited and nobody holds its output any more, as with a shell's
// `$(…)`. Its three streams are plain pipes and not the socket pairs that libuv would make:
// `cat /dev/stdin` works on pipes alone.
//
// A child belongs to its loop's thread.

/// A libuv loop that children may live on. Everything is called on its thread.
package protocol ProcessLoop: AnyObject {
  var uv: UnsafeMutablePointer<uv_loop_t> { get }
  /// Called first in each callback of a child's handles.
  func beginCallback()
  /// Holds a child until libuv has let go of its last handle.
  func adopt(_ child: ChildProcess)
  func forget(_ child: ChildProcess)
}

package struct CommandLineToRun: Sendable {
  package var command: String
  package var environment: [String]
  package var input: [UInt8]
  /// More output than this ends the child.
  package var outputBytesMax: Int
  /// So does more time than this.
  package var millisecondsMax: UInt64?

  package init(
    command: String, environment: [String], input: [UInt8], outputBytesMax: Int,
    millisecondsMax: UInt64? = nil
  ) {
    self.command = command
    self.environment = environment
    self.input = input
    self.outputBytesMax = outputBytesMax
    self.millisecondsMax = millisecondsMax
  }
}

/// How a child ended.
package struct ChildResult: Sendable {
  package enum End: Sendable, Equatable {
    case exited(Int)
    case signalled(Int32)
    case notStarted(String)
    case outputTooLong
    /// It did not end within so many milliseconds.
    case tookTooLong(UInt64)
  }
  package var end: End
  package var output: [UInt8] = []
  /// The last of what it wrote to its standard error.
  package var errorTail: [UInt8] = []

  package init(end: End) { self.end = end }
}

/// An error of the system, in its own words.
private struct ProcessError: Error {
  let text: String

  /// Throws for libuv's negative results.
  static func check(_ result: Int32) throws(ProcessError) {
    if result < 0 { throw ProcessError(text: unsafe String(cString: strerror(-result))) }
  }
}

@safe package final class ChildProcess {
  private let loop: any ProcessLoop
  private let process: UnsafeMutablePointer<uv_process_t>
  private let input: UnsafeMutablePointer<uv_pipe_t>
  private let output: UnsafeMutablePointer<uv_pipe_t>
  private let error: UnsafeMutablePointer<uv_pipe_t>
  private let write: UnsafeMutablePointer<uv_write_t>
  private let timer: UnsafeMutablePointer<uv_timer_t>
  private let inputBytes: UnsafeMutableBufferPointer<CChar>
  private let buffer: UnsafeMutableBufferPointer<CChar>
  private let outputBytesMax: Int
  private let onError: ([UInt8]) -> Void
  private var onEnd: ((ChildResult) -> Void)?
  private var result = ChildResult(end: .exited(0))
  private var hasExited = false
  private var streamsOpen = 2
  private var handlesOpen = 0
  private var groupID: pid_t = 0
  private var isEnding = false
  private let millisecondsMax: UInt64?

  /// How much of its standard error is kept.
  private static let errorTailMax = 4096
  private static let bufferSize = 65536

  /// Starts a command.
  ///
  /// - Parameters:
  ///   - onError: Receives what it writes to its standard error, as it comes.
  ///   - onEnd: Called once, from the loop. It may be called before this returns.
  package static func start(
    _ line: CommandLineToRun, on loop: any ProcessLoop, onError: @escaping ([UInt8]) -> Void,
    onEnd: @escaping (ChildResult) -> Void
  ) -> ChildProcess {
    let child = ChildProcess(line, on: loop, onError: onError, onEnd: onEnd)
    loop.adopt(child)
    do throws(ProcessError) {
      try child.spawn(line)
    } catch {
      child.result.end = .notStarted(error.text)
      child.streamsOpen = 0
      child.hasExited = true
      child.endIfDone()
    }
    return child
  }

  private init(
    _ line: CommandLineToRun, on loop: any ProcessLoop, onError: @escaping ([UInt8]) -> Void,
    onEnd: @escaping (ChildResult) -> Void
  ) {
    self.loop = loop
    self.onError = onError
    self.onEnd = onEnd
    outputBytesMax = line.outputBytesMax
    millisecondsMax = line.millisecondsMax
    unsafe process = .allocate(capacity: 1)
    unsafe input = .allocate(capacity: 1)
    unsafe output = .allocate(capacity: 1)
    unsafe error = .allocate(capacity: 1)
    unsafe write = .allocate(capacity: 1)
    unsafe timer = .allocate(capacity: 1)
    unsafe buffer = .allocate(capacity: Self.bufferSize)
    unsafe inputBytes = .allocate(capacity: max(line.input.count, 1))
    _ = unsafe inputBytes.initialize(from: line.input.lazy.map { CChar(bitPattern: $0) })
    unsafe prepare(input)
    unsafe prepare(output)
    unsafe prepare(error)
    unsafe uv_timer_init(loop.uv, timer)
    unsafe timer.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    handlesOpen += 1
  }

  deinit {
    unsafe process.deallocate()
    unsafe input.deallocate()
    unsafe output.deallocate()
    unsafe error.deallocate()
    unsafe write.deallocate()
    unsafe timer.deallocate()
    unsafe inputBytes.deallocate()
    unsafe buffer.deallocate()
  }

  private func prepare(_ pipe: UnsafeMutablePointer<uv_pipe_t>) {
    unsafe uv_pipe_init(loop.uv, pipe, 0)
    unsafe pipe.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    handlesOpen += 1
  }

  // MARK: Starting

  private func spawn(_ line: CommandLineToRun) throws(ProcessError) {
    var theirs: [uv_file] = []
    defer { for file in theirs { closeDescriptor(file) } }
    try unsafe connect(input, weWrite: true, &theirs)
    try unsafe connect(output, weWrite: false, &theirs)
    try unsafe connect(error, weWrite: false, &theirs)

    // libuv closes an unstarted process handle as well as a started one, so it counts from here.
    handlesOpen += 1
    let code = unsafe withCStrings(["/bin/sh", "-c", line.command]) { arguments in
      unsafe withCStrings(line.environment) { environment in
        var streams = unsafe theirs.map { file in
          var stream = unsafe uv_stdio_container_t()
          unsafe stream.flags = UV_INHERIT_FD
          unsafe stream.data.fd = file
          return unsafe stream
        }
        return unsafe streams.withUnsafeMutableBufferPointer { streams in
          var options = unsafe uv_process_options_t()
          unsafe options.file = UnsafePointer(arguments[0])
          unsafe options.args = arguments
          unsafe options.env = environment
          unsafe options.flags = UV_PROCESS_DETACHED.rawValue
          unsafe options.stdio_count = 3
          unsafe options.stdio = streams.baseAddress
          unsafe options.exit_cb = { process, status, signal in
            let child = unsafe ChildProcess.of(process!.pointee.data)
            child.loop.beginCallback()
            child.exited(status: status, signal: signal)
          }
          unsafe process.pointee.data = Unmanaged.passUnretained(self).toOpaque()
          return unsafe uv_spawn(loop.uv, process, &options)
        }
      }
    }
    if code != 0 { unsafe closeHandle(process.asHandle) }
    try ProcessError.check(code)
    groupID = unsafe process.pointee.pid
    try unsafe listen(output)
    try unsafe listen(error)
    send(line.input.count)
    if let millisecondsMax {
      unsafe uv_timer_start(
        timer,
        {
          let child = unsafe ChildProcess.of($0!.pointee.data)
          child.loop.beginCallback()
          child.tookTooLong()
        }, millisecondsMax, 0)
    }
  }

  private func tookTooLong() {
    result.end = .tookTooLong(millisecondsMax ?? 0)
    end()
  }

  private static func of(_ data: UnsafeMutableRawPointer?) -> ChildProcess {
    unsafe Unmanaged<ChildProcess>.fromOpaque(data!).takeUnretainedValue()
  }

  /// Makes a pipe: one end becomes ours, the other joins `theirs`.
  private func connect(
    _ pipe: UnsafeMutablePointer<uv_pipe_t>, weWrite: Bool, _ theirs: inout [uv_file]
  ) throws(ProcessError) {
    var ends: (read: uv_file, write: uv_file) = (-1, -1)
    let code = unsafe withUnsafeMutablePointer(to: &ends) { ends in
      unsafe ends.withMemoryRebound(to: uv_file.self, capacity: 2) {
        unsafe uv_pipe(
          $0, weWrite ? 0 : Int32(UV_NONBLOCK_PIPE.rawValue), weWrite ? Int32(UV_NONBLOCK_PIPE.rawValue) : 0)
      }
    }
    try ProcessError.check(code)
    theirs.append(weWrite ? ends.read : ends.write)
    let ours = weWrite ? ends.write : ends.read
    let opened = unsafe uv_pipe_open(pipe, ours)
    if opened != 0 { close(ours) }
    try ProcessError.check(opened)
  }

  /// Calls `body` with an array of C strings that ends with a null.
  private func withCStrings(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
  ) -> Int32 {
    var copies = unsafe strings.map { unsafe strdup($0) }
    defer { for index in unsafe copies.indices { unsafe free(copies[index]) } }
    unsafe copies.append(nil)
    return unsafe copies.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress!) }
  }

  // MARK: Streams

  private func listen(_ pipe: UnsafeMutablePointer<uv_pipe_t>) throws(ProcessError) {
    try ProcessError.check(
      unsafe uv_read_start(
        pipe.asStream,
        { handle, _, buffer in
          let child = unsafe ChildProcess.of(handle!.pointee.data)
          unsafe buffer!.pointee = uv_buf_init(child.buffer.baseAddress, UInt32(child.buffer.count))
        },
        { stream, count, _ in
          let child = unsafe ChildProcess.of(stream!.pointee.data)
          child.loop.beginCallback()
          unsafe child.received(count, from: stream!)
        }))
  }

  private func received(_ count: Int, from stream: UnsafeMutablePointer<uv_stream_t>) {
    let isOutput = unsafe UnsafeMutableRawPointer(stream) == UnsafeMutableRawPointer(output)
    if count > 0 {
      let bytes = unsafe UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      if isOutput { unsafe takeOutput(bytes) } else { unsafe takeError(bytes) }
    } else if count < 0, streamsOpen > 0 {
      // The end, or an error that ends it just as well.
      streamsOpen -= 1
      unsafe closeHandle(UnsafeMutableRawPointer(stream).assumingMemoryBound(to: uv_handle_t.self))
      endIfDone()
    }
  }

  private func takeOutput(_ bytes: UnsafeRawBufferPointer) {
    guard hasNoVerdict else { return }
    guard result.output.count + bytes.count <= outputBytesMax else {
      result.end = .outputTooLong
      result.output = []
      send(signal: SIGKILL)
      return
    }
    unsafe result.output.append(contentsOf: bytes)
  }

  private func takeError(_ bytes: UnsafeRawBufferPointer) {
    unsafe onError(Array(bytes))
    unsafe result.errorTail.append(contentsOf: bytes)
    if result.errorTail.count > Self.errorTailMax {
      result.errorTail.removeFirst(result.errorTail.count - Self.errorTailMax)
    }
  }

  private func send(_ count: Int) {
    var bytes = unsafe uv_buf_init(inputBytes.baseAddress, UInt32(clamping: count))
    unsafe write.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    // A child that closes its input early has read all it wants: that is no error.
    let code = unsafe uv_write(write, input.asStream, &bytes, 1) { request, _ in
      let child = unsafe ChildProcess.of(request!.pointee.data)
      unsafe child.closeHandle(child.input.asHandle)
    }
    if code != 0 { unsafe closeHandle(input.asHandle) }
  }

  // MARK: Ending

  /// Sends a signal to the child and all it has started.
  package func send(signal: Int32) {
    guard groupID > 0, onEnd != nil else { return }
    systemKill(-groupID, signal)
  }

  /// How long it may take to end itself when it is no longer wanted.
  package static let graceMilliseconds: UInt64 = 2000

  /// Asks it to end, and makes it when that does not help.
  package func end() {
    guard onEnd != nil, !isEnding else { return }
    isEnding = true
    send(signal: SIGTERM)
    unsafe uv_timer_start(
      timer,
      {
        let child = unsafe ChildProcess.of($0!.pointee.data)
        child.loop.beginCallback()
        child.send(signal: SIGKILL)
      }, Self.graceMilliseconds, 0)
  }

  /// Lets go of it, whatever it does: nothing waits for it any more.
  package func abandon() {
    send(signal: SIGKILL)
    hasExited = true
    streamsOpen = 0
    if groupID > 0 { unsafe closeHandle(process.asHandle) }
    endIfDone()
  }

  /// Ends it at once with all it has started, and waits for nothing but its exit.
  package func kill() {
    guard onEnd != nil else { return }
    isEnding = true
    send(signal: SIGKILL)
    guard streamsOpen > 0 else { return }
    streamsOpen = 0
    unsafe closeHandle(output.asHandle)
    unsafe closeHandle(error.asHandle)
    endIfDone()
  }

  /// How it ended is still to be seen.
  private var hasNoVerdict: Bool {
    switch result.end {
    case .outputTooLong, .tookTooLong: false
    case .exited, .signalled, .notStarted: true
    }
  }

  private func exited(status: Int64, signal: Int32) {
    hasExited = true
    if hasNoVerdict {
      result.end = signal != 0 ? .signalled(signal) : .exited(Int(status))
    }
    unsafe closeHandle(process.asHandle)
    endIfDone()
  }

  private func endIfDone() {
    guard hasExited, streamsOpen == 0, let onEnd else { return }
    self.onEnd = nil
    unsafe closeHandle(input.asHandle)
    unsafe closeHandle(output.asHandle)
    unsafe closeHandle(error.asHandle)
    unsafe closeHandle(timer.asHandle)
    onEnd(result)
  }

  private func closeHandle(_ handle: UnsafeMutablePointer<uv_handle_t>) {
    guard unsafe uv_is_closing(handle) == 0 else { return }
    unsafe uv_close(handle) { unsafe ChildProcess.of($0!.pointee.data).handleClosed() }
  }

  /// The loop owns the child until libuv has let go of its last handle.
  private func handleClosed() {
    handlesOpen -= 1
    if handlesOpen == 0 { loop.forget(self) }
  }
}

/// `kill` of the system, which the method of that name would hide.
private func systemKill(_ process: pid_t, _ signal: Int32) { _ = kill(process, signal) }

extension UnsafeMutablePointer {
  /// Every handle of libuv begins as a `uv_handle_t`.
  package var asHandle: UnsafeMutablePointer<uv_handle_t> {
    unsafe UnsafeMutableRawPointer(self).assumingMemoryBound(to: uv_handle_t.self)
  }

  /// Pipes are streams.
  package var asStream: UnsafeMutablePointer<uv_stream_t> {
    unsafe UnsafeMutableRawPointer(self).assumingMemoryBound(to: uv_stream_t.self)
  }
}

extension UnsafePointer {
  package var asHandle: UnsafePointer<uv_handle_t> {
    unsafe UnsafeRawPointer(self).assumingMemoryBound(to: uv_handle_t.self)
  }
}
