import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Backend, graph, ops } from "@vitrine/core"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { webgpuBackend } from "../src/node.ts"
import { candidates, chooseTiling } from "../src/kernels/tiling.ts"
import { type View, wholeView } from "../src/plan/view.ts"
import { hasSwiftShader, noSwiftShader, swiftShaderDevice } from "./swiftshader.ts"

const [m, k, n] = [40, 520, 36]
const x = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i))
const w = Float32Array.from({ length: n * k }, (_, i) => Math.cos(i))
const g = graph({ outputs: { y: ops.linear(ops.input("x", [m, k]), ops.input("w", [n, k])) } })

async function product(backend: Backend): Promise<number[]> {
  const program = await backend.compile(g)
  const { y } = await program.run({ x, w })
  await program.dispose()
  return Array.from(y?.data ?? [])
}

it.each([1, 3, 10, 33, 200])("have a candidate for every size, the first of which is chosen unmeasured: %i", (size) => {
  for (const [m, n, k] of [
    [size, 7, 4],
    [7, size, 2000],
    [64, 64, size],
  ] as const) {
    const key = JSON.stringify({ batch: [], m, k, n, along: [true, true] })
    const [first, ...others] = candidates(key)
    const view = (shape: number[]): View => wholeView({ shape, dtype: "float32", place: "work" })
    expect(chooseTiling({ inputs: [view([m, k]), view([k, n])] })).toEqual(first)
    for (const other of others) expect(other).not.toEqual(first)
  }
})

describe.skipIf(!hasSwiftShader)(`tiles of products${hasSwiftShader ? "" : ` (${noSwiftShader})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-webgpu-"))
  const file = (): string => join(folder, "webgpu", readdirSync(join(folder, "webgpu"))[0] as string)
  let expected: number[]
  let device: GPUDevice
  beforeAll(async () => {
    vi.stubEnv("VITRINE_CACHE", folder)
    device = await swiftShaderDevice()
    expected = await product(await webgpuBackend({ device }))
  })
  afterAll(() => {
    vi.unstubAllEnvs()
    device.destroy()
    rmSync(folder, { recursive: true })
  })
  const measured = async (autotune: boolean): Promise<number> => {
    const asked = vi.spyOn(device, "createQuerySet")
    const found = await product(await webgpuBackend({ device, autotune }))
    found.forEach((value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-3))
    const { length } = asked.mock.calls
    asked.mockRestore()
    return length
  }

  it("are measured once, and remembered in the cache folder", async () => {
    expect(await measured(false)).toBe(0)
    expect(readdirSync(folder)).toEqual([])
    expect(await measured(true)).toBeGreaterThan(4)
    const entries = JSON.parse(readFileSync(file(), "utf8")) as [string, { rows: number; depth: number }][]
    expect(entries.map(([key]) => JSON.parse(key))).toEqual([{ batch: [], m, k, n, along: [true, false] }])
    expect([0, 16]).toContain(entries[0]?.[1].depth)
    expect(await measured(true)).toBe(0)
  })

  it("are measured again where what was remembered makes no sense", async () => {
    const [[key, tiling]] = JSON.parse(readFileSync(file(), "utf8")) as [[string, object]]
    const senseless = [
      ["x", null],
      [key, { ...tiling, rows: 1 << 20 }],
    ]
    writeFileSync(file(), JSON.stringify(senseless))
    expect(await measured(true)).toBeGreaterThan(4)
  })
})
