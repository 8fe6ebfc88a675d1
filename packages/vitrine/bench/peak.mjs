// Imported before a program: tells the most memory that its process had, in KiB, to what started it. What getrusage says
// begins with the memory of the process that started it.
import { readFileSync, writeSync } from "node:fs"
import { isMainThread } from "node:worker_threads"

if (isMainThread)
  process.on("exit", () => writeSync(3, /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]))
