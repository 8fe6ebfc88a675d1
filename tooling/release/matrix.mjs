// Installs the packages from a registry of its own and uses them in every way that the documents promise: each package
// alone by its README, runtimes, package managers, bundlers, versions of TypeScript. Prints a table; ends with 1 if a
// row fails.
//
//     npm run test:release [-- WORD …]      only rows whose name holds one of the words
import { execFile, spawn } from "node:child_process"
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { chromium } from "playwright"
import { transformWithOxc } from "vite"
import { findChromium } from "../browser/chromium.mjs"
import { swiftShaderEnvironment } from "../browser/swiftshader.mjs"
import { root } from "./src/packages.mjs"
import { blocks } from "./src/documents.mjs"
import { firstExample } from "./src/readme.mjs"
import { publishBuild } from "./src/registry.mjs"

const exec = promisify(execFile)
const base = mkdtempSync(join(tmpdir(), "vitrine-matrix-"))
process.on("exit", () => rmSync(base, { recursive: true, force: true }))

const { packed, registry } = await publishBuild(base)

const outer = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|PNPM|INIT_CWD)/i.test(name))
const env = {
  ...swiftShaderEnvironment(),
  ...Object.fromEntries(outer),
  npm_config_registry: registry.url,
  // Deno's.
  NPM_CONFIG_REGISTRY: registry.url,
  npm_config_audit: "false",
  npm_config_fund: "false",
  YARN_NPM_REGISTRY_SERVER: registry.url,
  YARN_UNSAFE_HTTP_WHITELIST: "127.0.0.1",
  YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
  YARN_ENABLE_TELEMETRY: "0",
  YARN_GLOBAL_FOLDER: join(base, "yarn"),
  YARN_NPM_MINIMAL_AGE_GATE: "0",
  NEXT_TELEMETRY_DISABLED: "1",
  ONNXRUNTIME_NODE_INSTALL: "skip",
  HF_HUB_OFFLINE: "1",
  NO_COLOR: "1",
}

/** A folder of an app, in which programs run. */
function app(name) {
  const folder = join(base, name)
  mkdirSync(folder, { recursive: true })
  const manifest = { name: "app", version: "1.0.0", private: true, type: "module" }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest))
  return { ...programs(folder), within: (inner) => programs(join(folder, inner)) }
}

function programs(folder) {
  const write = (file, text) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const run = async (program, ...args) => {
    const { stdout } = await exec(program, args, { cwd: folder, env, maxBuffer: 2 ** 26, timeout: 600_000 })
    return stdout
  }
  return { folder, write, run, npx: (...args) => run("npx", "-y", ...args) }
}

const program = `
import { load, train } from "vitrine"

const recipe = { steps: 2, batchSize: 8, model: { dim: 16, depth: 1, heads: 2, mlpDim: 32 } }
for await (const event of train({ data: "shapes", recipe, out: "runs/first" }))
  if (event.type === "step") console.log("step", event.step)
const model = await load("runs/first")
console.log("classes", model.labels.length)
await model.close()
`
const printed = (text) => {
  if (!text.endsWith("step 2\nclasses 10\n")) throw new Error(`printed ${JSON.stringify(text)}`)
}

const page = `
import { load } from "vitrine"

globalThis.answer = load("model", { backend: "reference" }).catch((error) => error.message)
`
const html = '<!doctype html><div id="root"></div><script type="module" src="./page.js"></script>'

const golden = join(root, "tooling/golden/files/vit-folder-tiny")
const photo = join(golden, "exact-rgb.png")

function holds(text, expected) {
  if (!expected.test(text)) throw new Error(`printed ${JSON.stringify(text)}`)
}

/** Serves an app by a command, and visits it with Chromium. PORT in the command becomes a free port. */
async function served({ folder }, command, visit) {
  const port = 20_000 + Math.floor(20_000 * Math.random())
  const words = command.replace("PORT", port).split(" ")
  const server = spawn("npx", ["-y", ...words], { cwd: folder, env, stdio: "ignore", detached: true })
  const browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] })
  try {
    const page = await browser.newPage()
    const address = `http://localhost:${port}/`
    for (let tries = 0; ; tries++) {
      const answer = await fetch(address).catch(() => null)
      if (answer?.ok) break
      if (tries === 120) throw new Error(`${command} does not answer`)
      await sleep(500)
    }
    await page.goto(address)
    await visit(page)
  } finally {
    await browser.close()
    if (server.pid !== undefined) process.kill(-server.pid)
  }
}

async function withVitrine(name) {
  const at = app(name)
  at.write("program.mjs", program)
  await at.run("npm", "install", "vitrine")
  return at
}

async function types(at, source, typescript, options) {
  at.write("types.ts", source)
  const compilerOptions = { target: "es2022", strict: true, noEmit: true, skipLibCheck: false, ...options }
  at.write("tsconfig.json", JSON.stringify({ compilerOptions, files: ["types.ts"] }))
  await at.npx("-p", `typescript@${typescript}`, "tsc", "-p", ".")
}

const node = { module: "nodenext", lib: ["es2023"], types: ["node"] }
const browser = { module: "esnext", moduleResolution: "bundler", customConditions: ["browser"], types: [] }

const rows = new Map()
for (const { name, folder } of packed) {
  const { packages, source } = firstExample(folder)
  if (packages.length === 0) continue
  rows.set(`alone ${name}`, async (at) => {
    await at.run("npm", "install", ...packages)
    at.write("example.mjs", (await transformWithOxc(source, "example.mts")).code)
    copyFileSync(photo, join(at.folder, "photo.png"))
    const text = await at.run(process.execPath, "example.mjs")
    if (text === "") throw new Error("prints nothing")
  })
}
for (const version of [20, 22, 24, 26])
  rows.set(`node ${version}`, async (at) => printed(await at.npx("-p", `node@${version}`, "node", "program.mjs")))
rows.set("deno", async (at) => printed(await at.npx("deno@2", "run", "-A", "program.mjs")))
rows.set("bun", async (at) => printed(await at.npx("bun@1", "program.mjs")))
for (const version of ["5.7", "5.9", "6", "7"]) {
  rows.set(`typescript ${version} node`, async (at) => {
    await at.run("npm", "install", "@types/node@20")
    await types(at, program, version, node)
  })
  rows.set(`typescript ${version} page`, (at) =>
    types(at, page.replace("globalThis.answer = ", "void "), version, browser),
  )
}
rows.set("pnpm", async (at) => {
  // pnpm asks of every package with a build script whether it may run. protobufjs' only prints.
  at.write("pnpm-workspace.yaml", "allowBuilds:\n  protobufjs: false\n")
  at.write("program.mjs", program)
  await at.npx("pnpm@12", "add", "vitrine", "--registry", registry.url, "--config.minimumReleaseAge=0")
  printed(await at.run(process.execPath, "program.mjs"))
})
rows.set("yarn pnp", async (at) => {
  at.write("program.mjs", program)
  at.write("yarn.lock", "")
  await at.npx("-p", "@yarnpkg/cli-dist@4", "yarn", "add", "vitrine")
  printed(await at.npx("-p", "@yarnpkg/cli-dist@4", "yarn", "node", "program.mjs"))
})
rows.set("bun install", async (at) => {
  at.write("program.mjs", program)
  await at.npx("bun@1", "add", "vitrine", "--registry", registry.url)
  printed(await at.run(process.execPath, "program.mjs"))
})
rows.set("vite", async (at) => {
  at.write("index.html", html)
  at.write("page.js", page)
  await at.npx("-p", "vite@8", "vite", "build", "--target", "es2022")
})
rows.set("webpack", async (at) => {
  at.write("page.js", page)
  await at.run("npm", "install", "webpack@5", "webpack-cli@6")
  await at.npx("webpack", "--mode", "production", "--entry", "./page.js", "--output-path", "dist")
})
rows.set("esbuild", async (at) => {
  at.write("page.js", page)
  await at.npx(
    "esbuild@0.28",
    "page.js",
    "--bundle",
    "--format=esm",
    "--splitting",
    "--outdir=dist",
    "--external:node:*",
  )
})
rows.set("next", async (at) => {
  at.write("next.config.mjs", 'export default { serverExternalPackages: ["vitrine", "onnxruntime-node", "sharp"] }\n')
  mkdirSync(join(at.folder, "app"))
  at.write(
    "app/layout.js",
    "export default function Layout({ children }) { return <html><body>{children}</body></html> }\n",
  )
  at.write(
    "app/page.js",
    `"use client"\n${page.replace("globalThis", "if (typeof window !== 'undefined') globalThis")}\nexport default function Page() { return <p>page</p> }\n`,
  )
  mkdirSync(join(at.folder, "app/classes"))
  at.write(
    "app/classes/route.js",
    'import { backends } from "vitrine"\n\nexport const GET = () => Response.json(Object.keys(backends))\n',
  )
  await at.run("npm", "install", "next@16", "react@19", "react-dom@19")
  await at.npx("next", "build")
})
for (const [template, check] of Object.entries({
  node: async (at) => {
    await at.run("npm", "install")
    holds(await at.run("npm", "start"), /right: .*\nruns\/first knows arrow/)
  },
  deno: async (at) =>
    holds(await at.npx("deno@2", "run", "--minimum-dependency-age=0", "-A", "main.ts"), /runs\/first knows arrow/),
  vite: async (at) => {
    await at.run("npm", "install")
    await at.run("npm", "run", "build")
    await served(at, "vite preview --port PORT --strictPort", (page) =>
      page
        .getByRole("status")
        .getByText(/^knows arrow/)
        .waitFor({ timeout: 120_000 }),
    )
  },
  next: async (at) => {
    await at.run("npm", "install")
    await at.run("npm", "run", "build")
    await served(at, "next start --port PORT", async (page) => {
      const status = page.getByRole("status").getByText(/ \d+ %/)
      for (const label of ["On the server", "In the browser"]) {
        await page.getByLabel(label).setInputFiles(photo)
        await status.waitFor({ timeout: 120_000 })
        await page.reload()
      }
    })
  },
}))
  rows.set(`template ${template}`, async (at) => {
    await at.npx("create-vitrine", "app", "--template", template)
    await check(at.within("app"))
  })
/**
 * Does what a document says, in order: writes the files that it names, and runs its commands. Returns the folder to
 * which the commands led. `headings` are the sections to follow, all by default; `skip` are commands to
 * leave out, `after` is what else happens after a command.
 */
async function follow(at, document, { headings, skip = [], after = {} } = {}) {
  let where = at
  for (const { heading, language, text, file } of blocks(document)) {
    if (headings !== undefined && !headings.includes(heading)) continue
    if (file !== null) where.write(file, text)
    if (language !== "sh") continue
    for (const line of text.trim().split("\n")) {
      const [, folder] = /^cd (\S+)$/.exec(line) ?? []
      if (folder !== undefined) where = where.within(folder)
      else if (!skip.includes(line)) await where.run("bash", "-c", line.replace(/\b(npm create|npx) /, "$1 -y "))
      await after[line]?.(where)
    }
  }
  return where
}

const commandsOf = ({ language, text }) => (language === "sh" ? text.trim().split("\n") : [])

/** Puts a trained model where a document expects it. */
function model(at, folder) {
  for (const file of ["config.json", "model.safetensors"]) cpSync(join(golden, file), join(at.folder, folder, file))
}

const guess = (page) =>
  page.waitForFunction(() => /n\d{8}/.test(document.body.innerText), undefined, { timeout: 120_000 })
const cdn = "docs/how-to/cdn.md"
const publicFolder = "vite@8 preview --outDir public --port PORT --strictPort"

/** Makes the page of one file in the folder `public`, with a model and a photo. */
async function oneFile(at) {
  await at.run("npm", "install", "esbuild@0.28")
  await follow(at, cdn, { headings: ["One file"] })
  model(at, "public/model")
  copyFileSync(photo, join(at.folder, "public/photo.png"))
}

rows.set("docs: one file", async (at) => {
  await oneFile(at)
  await served(at, publicFolder, guess)
})
rows.set("docs: offline page", async (at) => {
  await oneFile(at)
  await follow(at, "docs/how-to/offline.md", { skip: blocks("docs/how-to/offline.md").flatMap(commandsOf) })
  at.write(
    "public/index.html",
    blocks(cdn)[1].text.replace(
      "const model",
      'await navigator.serviceWorker.register("./service-worker.js")\n  const model',
    ),
  )
  await served(at, publicFolder, async (page) => {
    await guess(page)
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => true))
    await page.reload({ waitUntil: "networkidle" })
    await guess(page)
    await page.context().setOffline(true)
    await page.reload()
    await guess(page)
  })
})
rows.set("docs: import map", async (at) => {
  await follow(at, cdn, { headings: ["An import map"] })
  const { text } = blocks(cdn).find(({ text }) => text.includes("importmap"))
  const every =
    '<script type="module">import "vitrine/web/measure"; import "vitrine/web/detect"; import "vitrine/web/read"; document.title = "all"</script>'
  at.write("index.html", text + every)
  model(at, "model")
  copyFileSync(photo, join(at.folder, "photo.png"))
  await served(at, "vite@8 preview --outDir . --port PORT --strictPort", async (page) => {
    await guess(page)
    await page.waitForFunction(() => document.title === "all")
  })
})
rows.set("docs: Vite app", async (at) => {
  model(at, "runs/flowers-1")
  const isolation = "docs/how-to/isolation.md"
  const made = await follow(at, "docs/tutorials/vite-app.md", {
    skip: ["npm run dev"],
    // As the tutorial says in words.
    after: {
      "npm install vitrine": async (app) => {
        rmSync(join(app.folder, "src"), { recursive: true })
        await follow(app, isolation)
      },
    },
  })
  await served(made, "vite preview --port PORT --strictPort", async (page) => {
    await page.locator("input").setInputFiles(photo)
    await guess(page)
    if (!(await page.evaluate(() => crossOriginIsolated))) throw new Error(`${isolation}: the page is not isolated`)
  })
})
rows.set("docs: Next app", async (at) => {
  await at.run(
    "npm",
    "install",
    "next@16",
    "react@19",
    "react-dom@19",
    "typescript@5",
    "@types/react@19",
    "@types/node@24",
  )
  await follow(at, "docs/how-to/next.md", { skip: ["npm create vitrine my-app -- --template next"] })
  const layout =
    "export default ({ children }: { children: unknown }) => <html><body>{children as never}</body></html>\n"
  at.write("app/layout.tsx", layout)
  for (const folder of ["public/model", "models/flowers"]) model(at, folder)
  copyFileSync(photo, join(at.folder, "public/photo.png"))
  await at.npx("next", "build")
  await served(at, "next start --port PORT", async (page) => {
    await guess(page)
    const [best] = await page.evaluate(async () => {
      const body = await (await fetch("/photo.png")).blob()
      return (await fetch("/classify", { method: "POST", body })).json()
    })
    if (!/^n\d{8}/.test(best.label)) throw new Error(JSON.stringify(best))
  })
})
/** Makes a folder with a folder of images for each of two classes. */
function photos(at, folder) {
  for (const [label, files] of Object.entries({
    rose: ["exact-rgb.png", "small-rgb.png"],
    tulip: ["tall-rgb.png", "wide-rgb.png"],
  }))
    for (const [i, file] of [...files, ...files, ...files].entries())
      cpSync(join(golden, file), join(at.folder, folder, label, `${i}.png`))
}

rows.set("docs: Docker", async (at) => {
  const [{ text }, { text: commands }] = blocks("docs/how-to/docker.md")
  const lines = text
    .trim()
    .split("\n")
    .map((line) => /^(\w+) (.*)$/.exec(line).slice(1))
  const of = (keyword) => lines.filter(([name]) => name === keyword).map(([, rest]) => rest)
  const settings = [`npm_config_prefix=${join(at.folder, "usr")}`, ...of("ENV")]
  for (const line of of("RUN")) await at.run("env", ...settings, "bash", "-c", line)
  const [entry] = JSON.parse(of("ENTRYPOINT")[0])
  const [, words] = /^docker run .* vitrine (.*)$/m.exec(commands)
  photos(at, "flowers")
  const begun = spawn(join(at.folder, "usr/bin", entry), words.split(" "), {
    cwd: at.folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let printed = ""
  const ended = new Promise((resolve) => begun.on("close", resolve))
  for (const stream of [begun.stdout, begun.stderr])
    stream.on("data", (data) => {
      printed += data
      // As `docker stop` does.
      if (/step +\d/.test(printed)) begun.kill("SIGTERM")
    })
  if ((await ended) !== 130) throw new Error(printed)
  holds(await at.run(join(at.folder, "usr/bin", entry), "runs"), /flowers-1/)
})
for (const [row, block, unwrap] of [
  ["Slurm", 0, (text) => text],
  ["Kubernetes", 1, (text) => /- \|\n(.*?)\n {10}\w/s.exec(text)[1].replaceAll(/^ {14}/gm, "")],
])
  rows.set(`docs: ${row}`, async (at) => {
    const script = unwrap(blocks("docs/how-to/cluster.md")[block].text)
    await at.run("npm", "install", "@vitrine/cli")
    photos(at, "flowers")
    at.write("bin/srun", '#!/bin/sh\nexec "$@"\n')
    at.write("bin/scontrol", "#!/bin/sh\necho $* >> requeued\n")
    await at.run("chmod", "+x", "bin/srun", "bin/scontrol")
    // A short run, which is stopped as the scheduler does.
    at.write("bin/vitrine", `#!/bin/sh\nexec ${join(at.folder, "node_modules/.bin/vitrine")} "$@"\n`)
    await at.run("chmod", "+x", "bin/vitrine")
    at.write("job.sh", script)
    const path = `PATH=${join(at.folder, "bin")}:${process.env.PATH}`
    const stop = "timeout --signal=TERM 20 bash job.sh 2>&1 || true"
    holds(await at.run("env", path, "bash", "-c", stop), /step/)
    holds(await at.run("env", path, "bash", "-c", stop), /resum|goes on|from step/i)
  })
rows.set("oldest peers", async (at) => {
  at.write(
    "program.mjs",
    `${program.replace('from "vitrine"', 'from "vitrine"\nimport { createBackend } from "vitrine"')}
for (const name of ["onnx", "webgpu"]) {
  const backend = await createBackend(name)
  console.log(name, backend.device)
  await backend.close()
}
const photo = await load("model", { backend: "onnx" })
console.log((await photo.predict("photo.webp"))[0].label)
process.exit()
`,
  )
  at.write("photo.mjs", 'import sharp from "sharp"\nawait sharp("photo.png").webp().toFile("photo.webp")\n')
  at.write(
    "web.mjs",
    'import { onnxBackend } from "@vitrine/backend-onnx/web"\nconst backend = await onnxBackend()\nconsole.log(backend.name)\nprocess.exit()\n',
  )
  model(at, "model")
  copyFileSync(photo, join(at.folder, "photo.png"))
  await at.run("npm", "install", "vitrine", "onnxruntime-node@1.25.1", "sharp@0.33.0", "webgpu@0.6.2")
  await at.run(process.execPath, "photo.mjs")
  holds(await at.run(process.execPath, "program.mjs"), /step 2\nclasses 10\nonnx .*\nwebgpu .*\nn\d{8}/)
  await at.run("npm", "install", "@vitrine/backend-onnx", "onnxruntime-web@1.25.1", "--force")
  holds(await at.run(process.execPath, "web.mjs"), /onnx/)
})
rows.set("two versions of core", async (at) => {
  at.write(
    "two.mjs",
    'import { ops } from "@vitrine/core"\nimport { ops as others } from "other-core"\nconst x = ops.input("x", [2])\ntry { console.log(others.add(x, x).shape) } catch (error) { console.log(error.message) }\n',
  )
  await at.run("npm", "install", "@vitrine/core", "other-core@npm:@vitrine/core")
  console.log(`  ${(await at.run(process.execPath, "two.mjs")).trim()}`)
})

const needsVitrine = /^(node|deno$|bun$|typescript|vite$|webpack|esbuild|next)/
const words = process.argv.slice(2)
const results = []
for (const [name, check] of rows) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue
  const began = Date.now()
  let fault = ""
  try {
    const folder = name.replaceAll(/[^a-z0-9]+/g, "-")
    await check(needsVitrine.test(name) ? await withVitrine(folder) : app(folder))
  } catch (error) {
    fault = `${error.stdout ?? ""}${error.stderr ?? ""}${error.message}`.trim()
  }
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  console.log(`${fault === "" ? "✓" : "✗"} ${name} (${seconds} s)`)
  if (fault !== "") console.log(fault.slice(0, 3000).replaceAll(/^/gm, "    "))
  results.push(fault === "")
}
console.log(`${results.filter(Boolean).length} of ${results.length} rows hold`)
registry.close()
process.exitCode = results.every(Boolean) ? 0 : 1
