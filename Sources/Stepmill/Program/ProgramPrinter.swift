enum ProgramPrinter { static func text(of program: Program) -> String { "" } }
