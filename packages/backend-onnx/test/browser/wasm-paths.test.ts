import { graph, ops } from "@vitrine/core"
import { expect, test } from "vitest"
import { onnxBackend } from "../../src/web.ts"

test("says what to do where the WebAssembly is not served", async () => {
  const backend = await onnxBackend({ wasmPaths: "/nowhere/" })
  const compiling = backend.compile(graph({ outputs: { y: ops.neg(ops.input("x", [2])) } }))
  const error = await compiling.catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ name: "VitrineError", kind: "backend" })
  expect((error as Error).message).toMatch(/^onnxruntime-web failed \(.*\): serve its \.wasm and \.mjs files/)
  expect((error as Error).message).not.toContain("\n")
})
