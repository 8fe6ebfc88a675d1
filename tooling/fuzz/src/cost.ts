import { openSync, writeSync } from "node:fs"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** What an action takes of the processor, and of memory at its peak beyond what the process had before. */
export interface Cost {
  readonly milliseconds: number
  readonly mebibytes: number
}

/** Garbage of earlier actions is collected beyond this growth: memory that an action takes anew would hide in it. */
const mostGarbage = 64

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")
const peak = openPeak()
let floor: number | undefined

/**
 * Measures an action. Its peak is exact on Linux, where the greatest memory of a process can be set back. Elsewhere it
 * counts only beyond the greatest memory of all actions before.
 */
export async function costOf<Result>(action: () => Promise<Result>): Promise<Cost & { readonly result: Result }> {
  resetPeak()
  let before = usage()
  floor ??= before.mebibytes
  if (before.mebibytes - floor > mostGarbage) {
    collect()
    resetPeak()
    before = usage()
    floor = before.mebibytes
  }
  const result = await action()
  const after = usage()
  return {
    result,
    milliseconds: after.milliseconds - before.milliseconds,
    mebibytes: after.mebibytes - before.mebibytes,
  }
}

/** The time of the processor, and the peak of memory. One call, since it takes as long as many a small input. */
function usage(): Cost {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  return { milliseconds: (userCPUTime + systemCPUTime) / 1000, mebibytes: maxRSS / 1024 }
}

function openPeak(): number | null {
  try {
    return openSync("/proc/self/clear_refs", "w")
  } catch {
    return null
  }
}

/** Sets the greatest memory of the process to what it has now (`proc(5)`, clear_refs, 5). */
function resetPeak(): void {
  if (peak !== null) writeSync(peak, "5")
}
