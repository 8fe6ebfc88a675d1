import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { VitrineError } from "@vitrine/core"
import { expect } from "vitest"

/** A disk of 1 MiB, where this process may mount one. */
export function mountSmall(path: string): boolean {
  mkdirSync(path)
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** The one line of a VitrineError that an action ends with. */
export async function fault(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => new Error("nothing was thrown"),
    (e: unknown) => e,
  )
  expect(VitrineError.isInstance(error), String(error)).toBe(true)
  expect((error as Error).message).not.toContain("\n")
  return (error as Error).message
}
