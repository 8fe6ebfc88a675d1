import { describe, it } from "vitest"
import { type Addon, findAddon } from "../src/index.ts"

const found = findAddon("node-cpu")

/** Tests that need TensorFlow's library; where it could not be set up, one skip that says why. */
export function withAddon(name: string, tests: (addon: Addon) => void): void {
  if (typeof found !== "string") tests(found)
  else
    describe(name, () => {
      it.skip(found, () => {})
    })
}
