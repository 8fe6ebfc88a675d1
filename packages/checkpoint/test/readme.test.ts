import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { bundle } from "./bundle.ts"

const folder = mkdtempSync(join(tmpdir(), "vitrine-readme-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("the example runs", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
  const source = join(folder, "example.ts")
  writeFileSync(source, /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "")
  const script = await bundle(source, folder)
  expect(execFileSync(process.execPath, [script], { cwd: folder, encoding: "utf8" })).toBe("[ 10 ] { seed: 7 }\n")
})
