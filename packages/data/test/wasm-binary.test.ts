import { expect, test } from "vitest"
import { wasmBinary } from "../src/resize/wasm-binary.ts"

test("the committed WebAssembly is what its source compiles to", async () => {
  // @ts-expect-error: a script without types
  const { compile } = (await import("../scripts/build-wasm.mjs")) as { compile(): Promise<string> }
  expect(await compile()).toBe(wasmBinary)
})
