import { conformance } from "@vitrine/conformance"
import { graph, ops } from "@vitrine/core"
import { expect, test } from "vitest"
import { onnxBackend } from "../../src/web.ts"

const options = { skip: { "constants from a file": "a page has no files" }, subset: "smoke" } as const

conformance("onnxruntime-web in a worker of a page", () => onnxBackend(), options)

test("the page answers while the worker computes", async () => {
  const backend = await onnxBackend()
  const x = ops.input("x", [512, 512])
  let y = x
  for (let i = 0; i < 60; i++) y = ops.matMul(y, x)
  const program = await backend.compile(graph({ outputs: { y } }))
  let ticks = 0
  const timer = setInterval(() => ticks++, 5)
  await program.run({ x: new Float32Array(512 * 512) })
  clearInterval(timer)
  await backend.close()
  expect(ticks).toBeGreaterThan(10)
})

test("options of a later backend change nothing", async () => {
  const [first, second] = [await onnxBackend(), await onnxBackend({ worker: false, threads: 1 })]
  expect(second.device).toBe(first.device)
  const x = ops.input("x", [2])
  const program = await second.compile(graph({ outputs: { y: ops.add(x, x) } }))
  expect((await program.run({ x: Float32Array.of(1, 2) })).y?.data).toEqual(Float32Array.of(2, 4))
  await first.close()
  await second.close()
})
