#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// What tests of the store need a process of its own for:
//
//   stepmill-store kill [ROUNDS [DIRECTORY]]   starts itself as a server, kills that, and looks
//   stepmill-store load DIRECTORY              the server that is killed: prints what it acknowledged
//   stepmill-store bench [EXECUTIONS [ROUNDS]] what the store costs, against the one in memory
//   stepmill-store open [EXECUTIONS]           how long a store takes to open, and in how much memory

let words = CommandLine.arguments
func number(_ index: Int, _ otherwise: Int) -> Int {
  words.count > index ? Int(words[index]) ?? otherwise : otherwise
}

switch words.count > 1 ? words[1] : "" {
case "kill": exit(KillTest(rounds: number(2, 20), directory: words.count > 3 ? words[3] : nil).run() ? 0 : 1)
case "load": try Load(directory: words[2]).run()
case "bench": try StoreBench(executions: number(2, 200_000), rounds: number(3, 3)).run()
case "open": try OpenBench(executions: number(2, 200_000)).run()
default:
  print(
    "usage: stepmill-store kill [ROUNDS [DIRECTORY]] | load DIRECTORY | bench [EXECUTIONS [ROUNDS]] | open [EXECUTIONS]"
  )
  exit(2)
}
