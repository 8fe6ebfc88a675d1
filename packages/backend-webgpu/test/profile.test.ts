import { graph, ops } from "@vitrine/core"
import { expect, it } from "vitest"
import { type KernelTime, webgpuBackend } from "../src/node.ts"
import { hasSwiftShader, noSwiftShader } from "./swiftshader.ts"

it.skipIf(!hasSwiftShader)(`tells what each kernel took${hasSwiftShader ? "" : ` (${noSwiftShader})`}`, async () => {
  const runs: (readonly KernelTime[])[] = []
  const backend = await webgpuBackend({ software: true, profile: (times) => void runs.push(times) })
  const [x, weight] = [ops.input("x", [64, 48]), ops.input("w", [32, 48])]
  const program = await backend.compile(graph({ outputs: { y: ops.softmax(ops.gelu(ops.linear(x, weight))) } }))
  const inputs = { x: new Float32Array(64 * 48).fill(1), w: new Float32Array(32 * 48) }
  for (let i = 0; i < 3; i++) expect((await program.run(inputs)).y?.data[0]).toBeCloseTo(1 / 32)
  await backend.close()
  expect(runs).toHaveLength(3)
  for (const times of runs) {
    expect(times.map(({ kernel }) => kernel)).toEqual(["matMul [64,48] × [48,32] gelu", "softmax [64,32]"])
    for (const { milliseconds } of times) expect(milliseconds).toBeGreaterThanOrEqual(0)
    expect(times.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeGreaterThan(0)
  }
})
