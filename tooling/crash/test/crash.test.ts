import { expect, test } from "vitest"
// @ts-expect-error: plain JavaScript, which runs without a build
import { crash } from "../crash.mjs"

test.each(["train classify", "train detect", "train read", "export", "pull", "setup"])(
  "%s: killed or refused by the disk at any write, the next command ends with the same bytes and nothing stays behind",
  { timeout: 120_000 },
  async (name) => {
    const { trials, faults } = await crash({ name, count: 1 })
    expect(faults).toEqual([])
    expect(trials).toBe(1)
  },
)
