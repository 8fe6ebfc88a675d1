import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { findAddon } from "@vitrine/backend-node-gpu"
import { transformWithOxc } from "vite"
import { afterAll, expect, test } from "vitest"
import { swiftShaderEnvironment } from "../../browser/swiftshader.mjs"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const cwd = mkdtempSync(join(tmpdir(), "vitrine-readme-"))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))
// The example of the root's README predicts a photo. Any image will do.
writeFileSync(join(cwd, "photo.png"), readFileSync(join(root, "tooling/golden/files/vit-folder-tiny/exact-rgb.png")))

const published = readdirSync(join(root, "packages")).map((name) => ({ name, folder: join(root, "packages", name) }))
const documents = [{ name: "the root", folder: root, home: join(root, "packages/vitrine") }].concat(
  published.map(({ name, folder }) => ({ name, folder, home: folder })),
)

const tensorFlow = findAddon("node-cpu")
const driver = swiftShaderEnvironment()

for (const { name, folder, home } of documents)
  test(`the example of ${name} compiles and runs`, { timeout: 120_000 }, async ({ skip }) => {
    if (name === "backend-node-gpu" && typeof tensorFlow === "string") skip(tensorFlow)
    if (name === "backend-webgpu" && driver === undefined) skip("no SwiftShader: install Chromium, which brings it")
    const source = /```ts\n(.*?)```/s.exec(readFileSync(join(folder, "README.md"), "utf8"))?.[1] ?? ""
    expect(source.trim().split("\n").length).toBeGreaterThan(3)
    // The example lies below the package, so that its imports resolve to the built files, as a user's do.
    const place = join(home, "dist/.readme")
    mkdirSync(place, { recursive: true })
    try {
      const file = join(place, "example.mts")
      writeFileSync(file, source)
      const settings = { extends: join(root, "tsconfig.base.json"), include: ["example.mts"] }
      const compilerOptions = {
        composite: false,
        isolatedDeclarations: false,
        declaration: false,
        declarationMap: false,
        noEmit: true,
        customConditions: [],
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
      }
      writeFileSync(join(place, "tsconfig.json"), JSON.stringify({ ...settings, compilerOptions }))
      execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", place], { encoding: "utf8" })
      const { code } = await transformWithOxc(source, file)
      writeFileSync(join(place, "example.mjs"), code)
      // Without the network, examples must not try to fetch anything.
      const env = { ...process.env, ...driver, HF_HUB_OFFLINE: "1" }
      const options = { cwd, env, encoding: "utf8" } as const
      expect(execFileSync(process.execPath, [join(place, "example.mjs")], options)).not.toBe("")
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  })
