import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it } from "vitest"

it("a page that loads a model and classifies an image ships 160 kB of gzipped JavaScript at most", async () => {
  const script = fileURLToPath(new URL("../bench/size.mjs", import.meta.url))
  // It fails where that is exceeded.
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  expect(stdout).toMatch(/^ +\d+ bytes of gzipped JavaScript in all; 160000 are allowed$/m)
})
