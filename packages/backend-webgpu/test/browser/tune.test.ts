import { graph, ops } from "@vitrine/core"
import { expect, it, vi } from "vitest"
import { type WebGpuBackend, webgpuBackend } from "../../src/index.ts"

it("measures tiles of products once, and remembers them in IndexedDB", async () => {
  const first = await webgpuBackend({ software: true, autotune: true })
  const asked = vi.spyOn(first.gpu, "createQuerySet")
  const g = graph({ outputs: { y: ops.linear(ops.input("x", [20, 8]), ops.input("w", [12, 8])) } })
  const inputs = { x: new Float32Array(160).fill(1), w: new Float32Array(96).fill(2) }
  const measures = async (backend: WebGpuBackend): Promise<boolean> => {
    asked.mockClear()
    const program = await backend.compile(g)
    expect((await program.run(inputs)).y?.data).toEqual(new Float32Array(240).fill(16))
    return asked.mock.calls.length > 0
  }
  expect(await measures(first)).toBe(first.gpu.features.has("timestamp-query"))
  expect(await measures(await webgpuBackend({ device: first.gpu, autotune: true }))).toBe(false)
  expect(first.report.kernels.tiles).toBe("measured")
  await first.close()
  const names = (await indexedDB.databases()).map(({ name }) => name)
  expect(names).toContain("vitrine-webgpu")
})
