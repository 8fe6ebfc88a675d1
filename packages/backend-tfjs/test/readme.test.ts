import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { afterAll, expect, it, vi } from "vitest"

const example = new URL("./readme-example.generated.ts", import.meta.url)
afterAll(() => rmSync(example, { force: true }))

it("the example runs", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
  const source = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? ""
  writeFileSync(example, source.replace('"@vitrine/backend-tfjs"', '"../src/index.ts"'))
  const log = vi.spyOn(console, "log").mockImplementation(() => {})
  await import(example.href)
  const said = log.mock.calls.map(([first]) => first as unknown)
  log.mockRestore()
  const total = Math.exp(2) + Math.exp(4) + Math.exp(6)
  expect(said).toEqual([{ shape: [1, 3], data: expect.any(Float32Array) }])
  const { data } = said[0] as { data: Float32Array }
  for (const [i, x] of [2, 4, 6].entries()) expect(data[i]).toBeCloseTo(Math.exp(x) / total, 6)
})
