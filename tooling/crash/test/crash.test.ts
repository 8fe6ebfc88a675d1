import { expect, test } from "vitest"
// @ts-expect-error: plain JavaScript, which runs without a build
import { crash } from "../crash.mjs"
// @ts-expect-error: plain JavaScript, which runs without a build
import { straceFault } from "../strace.mjs"

test.each(["train classify", "train detect", "train read", "export", "pull", "setup"])(
  "%s: killed or refused by the disk at any write, the next command ends with the same bytes and nothing stays behind",
  { timeout: 120_000 },
  async (name) => {
    const { trials, faults } = await crash({ name, count: 1 })
    expect(faults).toEqual([])
    expect(trials).toBe(1)
  },
)

const missing: string | null = straceFault()

test.skipIf(missing !== null)(
  `pull: refused by the disk at a system call, by strace${missing === null ? "" : `; skipped, since ${missing}`}`,
  { timeout: 120_000 },
  async () => {
    const { trials, faults } = await crash({ name: "pull", count: 1, strace: true })
    expect(faults).toEqual([])
    expect(trials).toBe(1)
  },
)
