// `node --import` loads this file before the command. It counts the operations that change the file system: writes,
// syncs, renames, removals. At the operation with the number CRASH_AT the fault CRASH_FAULT happens. CRASH_COUNT names
// a file for the count of all operations.
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { isMainThread } from "node:worker_threads"

const { CRASH_AT, CRASH_FAULT, CRASH_COUNT } = process.env
let count = 0

/** @type {Readonly<Record<string, (operation: () => unknown) => unknown>>} */
const faults = {
  "kill before": () => process.kill(process.pid, "SIGKILL"),
  "kill after": (operation) => {
    const result = operation()
    if (result instanceof Promise) return result.finally(() => process.kill(process.pid, "SIGKILL"))
    return process.kill(process.pid, "SIGKILL")
  },
  ENOSPC: () => fail("ENOSPC", "no space left on device"),
  EIO: () => fail("EIO", "i/o error"),
}

function fail(code, text) {
  throw Object.assign(new Error(`${code}: ${text}, write`), {
    code,
    syscall: "write",
    errno: code === "EIO" ? -5 : -28,
  })
}

/** Adds the fault to one function of an object. `counts` says which calls change the file system. */
function wrap(object, name, isAsync, counts = () => true) {
  const original = object[name]
  object[name] = function (...args) {
    const operation = () => original.apply(this, args)
    if (!counts(args)) return operation()
    if (++count !== Number(CRASH_AT)) return operation()
    if (!isAsync) return faults[CRASH_FAULT](operation)
    return (async () => faults[CRASH_FAULT](operation))()
  }
}

if (isMainThread) {
  const writes = ([, flags]) => typeof flags === "string" && /[wa+]/.test(flags)
  // Terminals and pipes are not files.
  const toFile = ([fd]) => fd > 2
  for (const name of ["rename", "rm", "mkdir", "unlink", "writeFile", "symlink"]) wrap(fs.promises, name, true)
  wrap(fs.promises, "open", true, writes)
  for (const name of ["writeSync", "fdatasyncSync", "ftruncateSync", "fsyncSync"]) wrap(fs, name, false, toFile)
  const handle = await fs.promises.open(process.execPath)
  const FileHandle = Object.getPrototypeOf(handle)
  await handle.close()
  for (const name of ["write", "sync", "datasync", "truncate", "writev"]) wrap(FileHandle, name, true)
  syncBuiltinESMExports()
  if (CRASH_COUNT !== undefined) process.on("exit", () => fs.writeFileSync(CRASH_COUNT, String(count)))
}
