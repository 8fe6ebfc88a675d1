import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { findAddon } from "@vitrine/backend-node-gpu"
import { transformWithOxc } from "vite"
import { afterAll, beforeAll, expect, test } from "vitest"
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

/** The example of a README, below its package, so that its imports resolve to the built files, as a user's do. */
const examples = documents.map(({ name, folder, home }) => ({
  name,
  source: /```ts\n(.*?)```/s.exec(readFileSync(join(folder, "README.md"), "utf8"))?.[1] ?? "",
  file: join(home, "dist/.readme", `${name.replace(" ", "-")}.mts`),
}))

/** All other blocks of TypeScript in documents. A block is a program of its own. */
const blocks = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((document) => document.endsWith(".md"))
  .map((document) => ({ document: join(root, "docs", document), home: join(root, "packages/vitrine") }))
  .concat(documents.map(({ folder, home }) => ({ document: join(folder, "README.md"), home })))
  .flatMap(({ document, home }) =>
    Array.from(readFileSync(document, "utf8").matchAll(/^```ts\n(.*?)^```/gms), ([, source], place) => ({
      source: `${source}\nexport {}\n`,
      file: join(home, "dist/.readme", `${relative(root, document).replaceAll(/\W+/g, "-")}-${place}.mts`),
    })),
  )

const settings = {
  extends: join(root, "tsconfig.base.json"),
  files: [...examples, ...blocks].map(({ file }) => file),
  compilerOptions: {
    composite: false,
    isolatedDeclarations: false,
    declaration: false,
    declarationMap: false,
    noEmit: true,
    customConditions: [],
    types: ["node"],
    lib: ["es2023", "dom", "dom.iterable"],
    typeRoots: [join(root, "node_modules/@types")],
  },
}

beforeAll(() => {
  for (const { file, source } of [...examples, ...blocks]) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, source)
  }
})
afterAll(() => {
  for (const { file } of examples) rmSync(dirname(file), { recursive: true, force: true })
})

test.each(examples.filter(({ name }) => name !== "the root"))(
  "the install line of $name names all that its example imports",
  ({ name, source }) => {
    const folder = join(root, "packages", name)
    const [, line = ""] =
      /```sh\n(?:\S+=\S+ )?npm install ([^\n]*)\n```/.exec(readFileSync(join(folder, "README.md"), "utf8")) ?? []
    const imports = Array.from(
      source.matchAll(/(?:from|import) "((?:@[^/"]+\/)?[^/"]+)/g),
      ([, imported = ""]) => imported,
    )
    const packages = imports.filter((imported) => !imported.startsWith("node:"))
    expect(line.split(" ")).toEqual(expect.arrayContaining(packages))
  },
)

test("the examples compile", () => {
  writeFileSync(join(cwd, "tsconfig.json"), JSON.stringify(settings))
  const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", cwd], { encoding: "utf8" })
  expect(stdout).toBe("")
})

for (const { name, source, file } of examples)
  test(`the example of ${name} runs`, { timeout: 120_000 }, async ({ skip }) => {
    if (name === "backend-node-gpu" && typeof tensorFlow === "string") skip(tensorFlow)
    if (name === "backend-webgpu" && driver === undefined) skip("no SwiftShader: install Chromium, which brings it")
    expect(source.trim().split("\n").length).toBeGreaterThan(3)
    const { code } = await transformWithOxc(source, file)
    const program = file.replace(/mts$/, "mjs")
    writeFileSync(program, code)
    // Without the network, examples must not try to fetch anything.
    const env = { ...process.env, ...driver, HF_HUB_OFFLINE: "1" }
    expect(execFileSync(process.execPath, [program], { cwd, env, encoding: "utf8" })).not.toBe("")
  })
