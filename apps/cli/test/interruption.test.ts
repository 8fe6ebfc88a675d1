import { expect, test } from "vitest"
import { interruption } from "../dist/interruption.js"
import { withIo } from "../dist/output.js"

test.each<[string, readonly NodeJS.Signals[], readonly number[]]>([
  ["one of each", ["SIGHUP", "SIGTERM", "SIGINT"], []],
  ["SIGTERM and SIGHUP again and again", ["SIGTERM", "SIGTERM", "SIGHUP", "SIGHUP", "SIGTERM"], []],
  ["a second SIGINT", ["SIGINT", "SIGTERM", "SIGINT"], [130]],
])("%s stop a run once; only a second SIGINT ends at once", async (_, names, codes) => {
  const exits: number[] = []
  let stops = 0
  const stream = { write: () => {} }
  const io = { stdout: stream, stderr: stream, exit: (code: number) => void exits.push(code), whenReaderLeaves() {} }
  await withIo(io, async () => {
    const interrupted = interruption(() => stops++)
    for (const name of names) process.emit(name, name)
    expect(interrupted.signal.aborted).toBe(true)
    interrupted.close()
  })
  expect([stops, exits]).toEqual([1, codes])
  for (const name of names) expect(process.listenerCount(name)).toBe(0)
})
