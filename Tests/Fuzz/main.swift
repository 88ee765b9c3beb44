// Feeds broken inputs to everything that reads files: an error is right, a crash, a trap or a hang is a defect.
//
//     mirage-fuzz [--iterations N] [--seed S] [--only TARGET] [--list]
//     mirage-fuzz --replay FILE TARGET
//
// The input at work always stands in $TMPDIR/mirage-fuzz-input, the target's name beside it in …-target: after a crash
// these two reproduce it.
import MirageSupport
import Glibc
import Mirage
import TestSupport

func usage() -> Never {
  print("usage: mirage-fuzz [--iterations N] [--seed S] [--only TARGET] [--list] | --replay FILE TARGET")
  exit(64)
}

var iterations = 100_000
var seed: UInt64 = 1
var only: String?
var replay: (file: String, target: String)?
var isList = false
var arguments = CommandLine.arguments.dropFirst()
while let option = arguments.popFirst() {
  switch option {
  case "--iterations": iterations = arguments.popFirst().flatMap { Int($0) } ?? -1
  case "--seed":
    guard let value = arguments.popFirst().flatMap({ UInt64($0) }) else { usage() }
    seed = value
  case "--only":
    guard let name = arguments.popFirst() else { usage() }
    only = name
  case "--replay":
    guard let file = arguments.popFirst(), let target = arguments.popFirst() else { usage() }
    replay = (file, target)
  case "--list": isList = true
  default: usage()
  }
}
guard iterations >= 0 else { usage() }

let directory = TemporaryDirectory()
var targets = try makeTargets(in: directory)
if isList {
  print(targets.map(\.name).joined(separator: "\n"))
  try removeTree(directory.path)
  exit(0)
}
if let name = replay?.target ?? only {
  targets = targets.filter { $0.name == name }
  if targets.isEmpty { usage() }
}
if let replay {
  do {
    try targets[0].read(InputFile.contents(of: replay.file))
    print("read without an error")
  } catch {
    print("refused: \(error)")
  }
  try removeTree(directory.path)
  exit(0)
}

let scratch = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
let inputFile = open(scratch + "/mirage-fuzz-input", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
var counts = targets.map { _ in (runs: 0, refused: 0, slowest: Duration.zero) }
let start = ContinuousClock.now
for iteration in 0..<iterations {
  // The targets take turns of a hundred inputs.
  let which = iteration / 100 % targets.count
  let round = iteration / (100 * targets.count) * 100 + iteration % 100
  let target = targets[which]
  if iteration % 100 == 0 { try OutputFile.write(scratch + "/mirage-fuzz-target", target.name.utf8) }
  let random = Random(key: Random.Key(seed: seed, path: target.name), sample: UInt64(iteration))
  var mutator = Mutator(random: random)
  let first = target.seeds.randomElement(using: &mutator.random)!
  let second = target.seeds.randomElement(using: &mutator.random)!
  // The seeds themselves come first: they must be read.
  let isSeed = round < target.seeds.count
  let input = isSeed ? target.seeds[round] : mutator.mutate(first, with: second)
  guard pwrite(inputFile, input, input.count, 0) == input.count, ftruncate(inputFile, off_t(input.count)) == 0 else {
    print("\(scratch)/mirage-fuzz-input cannot be written")
    exit(74)
  }
  let began = ContinuousClock.now
  do {
    try target.read(input)
  } catch let error as MirageError {
    if isSeed && target.name != "exif" && target.name != "pipeline" {
      print("\(target.name) refuses its own seed \(round): \(error)")
      exit(1)
    }
    counts[which].refused += 1
  } catch {
    print("\(target.name) threw \(error), which is no MirageError: see \(scratch)/mirage-fuzz-input")
    exit(1)
  }
  let took = began.duration(to: .now)
  counts[which].runs += 1
  counts[which].slowest = max(counts[which].slowest, took)
  if took > .seconds(5) {
    print("\(target.name) took \(took): see \(scratch)/mirage-fuzz-input")
    exit(1)
  }
}
for (target, count) in zip(targets, counts) {
  let name = target.name + String(repeating: " ", count: max(0, 30 - target.name.count))
  print("\(name) \(count.runs) inputs, \(count.refused) refused, slowest \(count.slowest)")
}
print("\(counts.reduce(0) { $0 + $1.runs }) inputs in \(start.duration(to: .now))")
try removeTree(directory.path)
