import CIntrinsics

// Calling functions. Arguments lie on the stack, contiguous, from `base` on; whoever is
// called takes them off. Signatures are checked in place: a missing argument that the
// context stands in for is inserted, a scalar where an array is wanted is wrapped.

extension JSONataMachine {
  /// A name that an error mentions.
  private func name(_ index: Int) -> String {
    program.pointee.owner._withUnsafeGuaranteedRef { $0.names[index] }
  }

  private mutating func locate(_ position: Int, _ callee: Int) {
    guard var error = box?.error else { return }
    error.position = error.position ?? position
    error.token = error.token ?? name(callee)
    box?.error = error
  }

  // MARK: Call expressions

  @inline(never)
  mutating func call(_ node: UnsafeMutablePointer<Node>, _ input: Value, applied: Value?) -> Value {
    let function = evaluate(node.pointee.a, input)
    if function.isFailure { return function }
    if function.isMissing && node.pointee.flags & Node.bareName != 0 {
      return fail(.t1005, node, token: name(Int(node.pointee.c)))
    }
    let base = top
    let count = arguments(node, input, applied)
    if count < 0 { return .failure }
    if node.pointee.flags & Node.tail != 0 {
      pendingFunction = function
      pendingCount = count
      pendingPosition = node.pointee.position
      pendingName = node.pointee.c
      return Value(kind: .tail)
    }
    let result = invoke(function, base, count, input)
    return result.isFailure ? located(node) : result
  }

  @inline(never)
  mutating func callBuiltin(_ node: UnsafeMutablePointer<Node>, _ input: Value, applied: Value?) -> Value {
    let base = top
    let count = arguments(node, input, applied)
    if count < 0 { return .failure }
    let builtin = unsafeBitCast(UInt8(truncatingIfNeeded: node.pointee.a), to: JSONataBuiltin.self)
    let result = invoke(builtin, base, count, input)
    top = base
    return result.isFailure ? located(node) : result
  }

  /// Evaluates the arguments of a call onto the stack and counts them; -1 if one failed.
  private mutating func arguments(
    _ node: UnsafeMutablePointer<Node>, _ input: Value, _ applied: Value?
  ) -> Int {
    let base = top
    if let applied { push(applied) }
    let list = lists + Int(node.pointee.b)
    let count = Int(list[0])
    var index = 1
    while index <= count {
      let value = evaluate(list[index], input)
      if value.isFailure {
        top = base
        return -1
      }
      push(value)
      index &+= 1
    }
    return top - base
  }

  /// Gives an error its place, if it has none yet.
  private mutating func located(_ node: UnsafeMutablePointer<Node>) -> Value {
    locate(Int(node.pointee.position), Int(node.pointee.c))
    return .failure
  }

  @inline(never)
  mutating func apply(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    let right = evaluate(node.pointee.b, input)
    if right.isFailure { return right }
    guard right.isFunction else { return fail(.t2006, node, value: right) }
    if left.isFunction {
      let pair = arena.pointee.elements(2)
      pair[0] = left
      pair[1] = right
      return .function(.chain, UInt64(UInt(bitPattern: pair)))
    }
    let base = top
    push(left)
    return invoke(right, base, 1, .missing)
  }

  @inline(never)
  mutating func applyCall(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let left = evaluate(node.pointee.a, input)
    if left.isFailure { return left }
    let target = nodes + Int(node.pointee.b)
    return target.pointee.operation == .callBuiltin
      ? callBuiltin(target, input, applied: left) : call(target, input, applied: left)
  }

  @inline(never)
  mutating func closure(
    _ sort: JSONataFunction, _ node: UnsafeMutablePointer<Node>, _ input: Value
  ) -> Value {
    let closure = arena.pointee.allocate(MemoryLayout<JSONataClosure>.stride)
      .bindMemory(to: JSONataClosure.self, capacity: 1)
    closure.initialize(
      to: JSONataClosure(index: node.pointee.a, frame: frame, functionFrame: functionFrame, input: input))
    return .function(sort, UInt64(UInt(bitPattern: closure)))
  }

  @inline(never)
  mutating func partial(_ node: UnsafeMutablePointer<Node>, _ input: Value) -> Value {
    let base = top
    let list = lists + Int(node.pointee.b)
    let count = Int(list[0])
    push(.missing)
    for index in 1...max(count, 1) where index <= count {
      let value = list[index] < 0 ? Value.unbound : evaluate(list[index], input)
      if value.isFailure {
        top = base
        return value
      }
      push(value)
    }
    let function = evaluate(node.pointee.a, input)
    guard function.isFunction else {
      top = base
      if function.isFailure { return function }
      let isBare = function.isMissing && node.pointee.flags & Node.bareName != 0
      return fail(isBare ? .t1007 : .t1008, node, token: name(Int(node.pointee.c)))
    }
    setStack(base, function)
    let cells = popArray(from: base)
    return cells.isFailure ? cells : .function(.partial, cells.payload, count: cells.count)
  }

  // MARK: Invoking

  /// How many arguments a function makes use of.
  func arity(_ function: Value) -> Int {
    switch function.functionSort {
    case .builtin:
      return unsafeBitCast(UInt8(truncatingIfNeeded: function.payload), to: JSONataBuiltin.self).arity
    case .lambda: return Int(program.pointee.lambdas[Int(closure(of: function).pointee.index)].parameterCount)
    case .partial: return Self.cells(of: function).dropFirst().count { $0.kind == .unbound }
    case .chain, .transform: return 1
    case .regex: return 2
    case .nextMatch: return 0
    }
  }

  static func cells(of function: Value) -> UnsafeBufferPointer<Value> {
    UnsafeBufferPointer(
      start: UnsafePointer(bitPattern: UInt(truncatingIfNeeded: function.payload)), count: function.count)
  }

  func closure(of function: Value) -> UnsafeMutablePointer<JSONataClosure> {
    UnsafeMutablePointer(bitPattern: UInt(truncatingIfNeeded: function.payload)).unsafelyUnwrapped
  }

  /// Calls a function with the arguments on the stack from `base` on, and any calls in
  /// tail position that it ends with.
  @inline(never)
  mutating func invoke(_ function: Value, _ base: Int, _ count: Int, _ input: Value) -> Value {
    var result = invokeOnce(function, base, count, input)
    while result.kind == .tail {
      let position = pendingPosition
      let callee = pendingName
      let next = top - pendingCount
      result = step() ? invokeOnce(pendingFunction, next, pendingCount, input) : .failure
      if result.isFailure {
        locate(Int(position), Int(callee))
      }
    }
    top = base
    return result
  }

  private mutating func invokeOnce(_ function: Value, _ base: Int, _ count: Int, _ input: Value) -> Value {
    guard function.isFunction else {
      top = base
      return fail(.t1006)
    }
    switch function.functionSort {
    case .lambda: return invokeLambda(function, base, count, input)
    case .builtin:
      let builtin = unsafeBitCast(UInt8(truncatingIfNeeded: function.payload), to: JSONataBuiltin.self)
      let result = invoke(builtin, base, count, input)
      top = base
      return result
    case .partial: return invokePartial(function, base, count, input)
    case .chain: return invokeChain(function, base, count)
    case .regex, .nextMatch:
      let result = invokeMatcher(function, base, count)
      top = base
      return result
    case .transform:
      let argument = count > 0 ? stack(base) : .missing
      let wanted = argument.isContainer || argument.isMissing
      top = base
      if !wanted || count > 1 { return fail(.t0410, value: argument, index: wanted ? 2 : 1) }
      return transform(closure(of: function), argument)
    }
  }

  private mutating func invokeLambda(_ function: Value, _ base: Int, _ given: Int, _ input: Value) -> Value {
    guard stepmill_frame_address() > stackLimit else {
      top = base
      return fail(.d1011)
    }
    let closure = closure(of: function)
    let lambda = program.pointee.lambdas + Int(closure.pointee.index)
    var count = given
    if lambda.pointee.signature >= 0 {
      let parameters = UnsafePointer(
        program.pointee.parameters + Int(lambda.pointee.signature))
      count = validate(parameters, Int(lambda.pointee.signatureCount), base, count, input)
      if count < 0 {
        top = base
        return .failure
      }
    }
    let slots = Int(lambda.pointee.slotCount)
    let own = makeFrame(slots, parent: closure.pointee.frame)
    let parameterCount = Int(lambda.pointee.parameterCount)
    var index = 0
    while index < parameterCount {
      own[index &+ 1] = index < count ? stack(base &+ index) : .missing
      index &+= 1
    }
    top = base
    let outer = (frame, functionFrame)
    frame = own
    functionFrame = own
    let result = evaluate(lambda.pointee.body, closure.pointee.input)
    (frame, functionFrame) = outer
    if !lambda.pointee.keepsFrame { freeFrame(own, slots) }
    return result
  }

  private mutating func invokePartial(_ function: Value, _ base: Int, _ count: Int, _ input: Value) -> Value {
    guard stepmill_frame_address() > stackLimit else {
      top = base
      return fail(.d1011)
    }
    let cells = Self.cells(of: function)
    let start = top
    var next = base
    for cell in cells.dropFirst() {
      if cell.kind == .unbound {
        push(next < base + count ? stack(next) : .missing)
        next += 1
      } else {
        push(cell)
      }
    }
    let result = invoke(cells[0], start, cells.count - 1, input)
    top = base
    return result
  }

  private mutating func invokeChain(_ function: Value, _ base: Int, _ count: Int) -> Value {
    guard stepmill_frame_address() > stackLimit else {
      top = base
      return fail(.d1011)
    }
    let cells = UnsafePointer<Value>(bitPattern: UInt(truncatingIfNeeded: function.payload)).unsafelyUnwrapped
    // A chain is a function of one parameter.
    if count == 0 { push(.missing) }
    top = base + 1
    let first = Self.collapse(invoke(cells[0], base, 1, .missing))
    if first.isFailure { return first }
    push(first)
    return invoke(cells[1], base, 1, .missing)
  }

  /// Calls a function from within a built-in one. The arguments lie on top of the stack.
  mutating func callback(_ function: Value, _ count: Int) -> Value {
    invoke(function, top - count, count, .null)
  }

  /// Calls back with as many of an item, its place and the whole as the function takes.
  mutating func callback(_ function: Value, arity: Int, _ item: Value, _ place: Value, _ whole: Value)
    -> Value
  {
    push(item)
    if arity >= 2 { push(place) }
    if arity >= 3 { push(whole) }
    return callback(function, min(max(arity, 1), 3))
  }

  // MARK: Signatures

  static func letter(_ value: Value) -> JSONataSignature.Letter {
    switch value.kind {
    case .string: .string
    case .integer, .double, .numeral: .number
    case .true, .false: .bool
    case .null: .null
    case .array: .array
    case .object: .object
    case .function: .function
    case .missing, .failure, .unbound, .tail: .missing
    }
  }

  /// Checks the arguments on the stack, and completes them. Returns how many there are
  /// then; -1 if they do not fit.
  @inline(never)
  mutating func validate(
    _ parameters: UnsafePointer<JSONataSignature.Parameter>, _ parameterCount: Int, _ base: Int,
    _ count: Int, _ input: Value
  ) -> Int {
    // Nearly always each argument fits its own parameter and nothing is to be completed.
    if count <= parameterCount {
      var index = 0
      while index < count {
        let parameter = parameters + index
        if parameter.pointee.repeated
          || parameter.pointee.accepted & Self.letter(stack(base &+ index)).bit == 0
        {
          break
        }
        index &+= 1
      }
      if index == count {
        while index < parameterCount && parameters[index].optional && !parameters[index].context {
          index &+= 1
        }
        if index == parameterCount {
          for index in 0..<count where parameters[index].isArray {
            if !fitArray(parameters + index, base + index, index + 1) { return -1 }
          }
          return count
        }
      }
    }
    return validateSlowly(parameters, parameterCount, base, count, input)
  }

  /// An argument for an array: elements of the right type, a scalar wrapped.
  private mutating func fitArray(
    _ parameter: UnsafePointer<JSONataSignature.Parameter>, _ place: Int, _ index: Int
  ) -> Bool {
    let value = stack(place)
    if value.isMissing { return true }
    let wanted = parameter.pointee.element
    if wanted != .none {
      var fits = true
      if value.isArray {
        for element in value.elements where Self.letter(element) != wanted {
          fits = false
          break
        }
      } else {
        fits = Self.letter(value) == wanted
      }
      if !fits {
        _ = fail(.t0412, value: value, index: index, detail: JSONataSignature.plural(wanted))
        return false
      }
    }
    if !value.isArray {
      let wrapper = arena.pointee.elements(1)
      wrapper[0] = value
      setStack(place, Value.array(wrapper, count: 1).with(Value.fresh))
    }
    return true
  }

  /// How many arguments each parameter takes, as a greedy regular expression would share
  /// them out.
  private func share(
    _ parameters: UnsafePointer<JSONataSignature.Parameter>, _ parameterCount: Int, _ letters: [UInt16],
    _ parameter: Int, _ argument: Int, _ shares: inout [Int]
  ) -> Bool {
    if parameter == parameterCount { return argument == letters.count }
    let current = parameters[parameter]
    var most = 0
    let limit = current.repeated ? letters.count - argument : 1
    while most < limit && argument + most < letters.count
      && letters[argument + most] & current.accepted != 0
    {
      most += 1
    }
    let least = current.optional ? 0 : 1
    var taken = most
    while taken >= least {
      shares[parameter] = taken
      if share(parameters, parameterCount, letters, parameter + 1, argument + taken, &shares) { return true }
      taken -= 1
    }
    return false
  }

  private mutating func validateSlowly(
    _ parameters: UnsafePointer<JSONataSignature.Parameter>, _ parameterCount: Int, _ base: Int,
    _ count: Int, _ input: Value
  ) -> Int {
    let letters = (0..<count).map { Self.letter(stack(base + $0)).bit }
    var shares = [Int](repeating: 0, count: parameterCount)
    guard parameterCount <= 64, share(parameters, parameterCount, letters, 0, 0, &shares) else {
      return misfit(parameters, parameterCount, letters, base)
    }
    let given = (0..<count).map { stack(base + $0) }
    top = base
    var argument = 0
    for index in 0..<parameterCount {
      let parameter = parameters[index]
      if shares[index] == 0 {
        guard parameter.context else {
          // Takes the place of the argument that it leaves out.
          push(argument < count ? given[argument] : .missing)
          argument += 1
          continue
        }
        let letter = Self.letter(input)
        let absent = letter == .missing && program.pointee.stepFunctions
        guard parameter.accepted & letter.bit != 0, !absent else {
          _ = fail(.t0411, value: input, index: argument + 1)
          return -1
        }
        push(input)
        continue
      }
      for _ in 0..<shares[index] {
        // A parameter left out before may have used up the last argument.
        push(argument < count ? given[argument] : .missing)
        if parameter.isArray && !fitArray(parameters + index, top - 1, argument + 1) { return -1 }
        argument += 1
      }
    }
    return top - base
  }

  /// Finds the argument to blame: the first behind what the parameters, one after the
  /// other, can take.
  private mutating func misfit(
    _ parameters: UnsafePointer<JSONataSignature.Parameter>, _ parameterCount: Int, _ letters: [UInt16],
    _ base: Int
  ) -> Int {
    var good = 0
    for end in 1...max(parameterCount, 1) where end <= parameterCount {
      guard let taken = longest(parameters, end, letters, 0, 0) else { break }
      good = taken
    }
    let value = good < letters.count ? stack(base + good) : .missing
    _ = fail(.t0410, value: value, index: good + 1)
    return -1
  }

  /// How many arguments the first `end` parameters take, not minding what follows.
  private func longest(
    _ parameters: UnsafePointer<JSONataSignature.Parameter>, _ end: Int, _ letters: [UInt16],
    _ parameter: Int, _ argument: Int
  ) -> Int? {
    if parameter == end { return argument }
    let current = parameters[parameter]
    var taken = 0
    while (current.repeated || taken < 1) && argument + taken < letters.count
      && letters[argument + taken] & current.accepted != 0
    {
      taken += 1
    }
    while taken >= (current.optional ? 0 : 1) {
      if let result = longest(parameters, end, letters, parameter + 1, argument + taken) { return result }
      taken -= 1
    }
    return nil
  }
}
