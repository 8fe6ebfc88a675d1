import { expect, test } from "vitest"
import { conformance } from "@vitrine/conformance"
import { onnxBackend } from "@vitrine/backend-onnx/node"

// The worker is the compiled one, where there is one.
conformance("onnxruntime-node in a worker", () => onnxBackend(), { subset: "smoke" })

test("slots that were given one array do not share it", async () => {
  const backend = await onnxBackend()
  const slots = { a: { shape: [2], dtype: "float32" }, b: { shape: [2], dtype: "float32" } } as const
  const both = new Float32Array(2)
  const state = await backend.createState(slots, { a: both, b: both })
  await state.write("a", Float32Array.of(1, 2))
  expect(Array.from(await state.read("b"))).toEqual([0, 0])
  await backend.close()
})
