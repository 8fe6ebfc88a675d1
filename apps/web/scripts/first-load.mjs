// Measures the first load of the built site in Chromium as a phone has it: 150 ms to the host, 1.6 Mbit/s, a quarter of
// this processor, nothing cached. Files come compressed, with the headers of `_headers`.
//
//     npx turbo run build --filter @vitrine/web
//     node scripts/first-load.mjs [--runs 5] [--dist dist] [--path /]
//
// It prints the median of the time to the first figure with values of the model (its `performance.mark`), of the time to
// the model itself after a reader scrolls, the bytes until each, and the longest task of the page's scripts.
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import { extname, join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { gzipSync } from "node:zlib"
import { chromium } from "playwright"
import { findChromium } from "../../../tooling/browser/chromium.mjs"

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    dist: { type: "string", default: new URL("../dist", import.meta.url).pathname },
    path: { type: "string", default: "/" },
  },
})
const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
}
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Content-Encoding": "gzip",
  "Cache-Control": "no-store",
}
const root = resolve(values.dist)
const files = new Map()

/** A file of the site, compressed. */
async function compressed(path) {
  const file = join(root, path.endsWith("/") ? `${path}index.html` : path)
  if (!files.has(file)) files.set(file, gzipSync(await readFile(file), { level: 9 }))
  return { body: files.get(file), type: types[extname(file)] ?? "application/octet-stream" }
}

let bytes = 0
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost")
  const answer = async () => {
    const { body, type } = await compressed(pathname)
    bytes += body.length
    response.writeHead(200, { ...headers, "Content-Type": type }).end(body)
  }
  answer().catch(() => response.writeHead(404).end())
})
await new Promise((listening) => server.listen(0, listening))
const address = `http://localhost:${server.address().port}${values.path}`

/** Milliseconds and bytes of one load in a browser of its own. */
async function load() {
  const executablePath = findChromium()
  const browser = await chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: ["--no-sandbox", "--disable-features=WebGPU"],
  })
  const page = await browser.newPage({ viewport: { width: 360, height: 740 } })
  const debuggers = await page.context().newCDPSession(page)
  await debuggers.send("Network.enable")
  await debuggers.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 150,
    downloadThroughput: 1.6e6 / 8,
    uploadThroughput: 750e3 / 8,
  })
  await debuggers.send("Emulation.setCPUThrottlingRate", { rate: 4 })
  await page.addInitScript(() => {
    globalThis.tasks = []
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.tasks.push(duration)
    }).observe({ type: "longtask", buffered: true })
    // Older builds have no mark: then the end of their loading counts.
    const watch = setInterval(() => {
      if (document.querySelector('[data-state="ready"]') === null) return
      clearInterval(watch)
      performance.mark("ready")
    }, 10)
  })
  bytes = 0
  const marks = (name) => page.evaluate((each) => performance.getEntriesByName(each).at(0)?.startTime ?? null, name)
  await page.goto(address)
  await page.waitForFunction(
    () => performance.getEntriesByName("first-figure").length + performance.getEntriesByName("ready").length > 0,
    null,
    { timeout: 120_000 },
  )
  await page.waitForTimeout(300)
  const first = (await marks("first-figure")) ?? (await marks("ready"))
  const bytesOfFirst = bytes
  await page.waitForTimeout(1500)
  const bytesOfLoad = bytes
  const start = await page.evaluate(() => performance.now())
  await page.evaluate(() => document.getElementById("qkv")?.scrollIntoView())
  await page.locator("#qkv .figure[data-stale=false] > :first-child").waitFor({ timeout: 120_000 })
  const model = (await page.evaluate(() => performance.now())) - start
  const longest = Math.max(0, ...(await page.evaluate(() => globalThis.tasks)))
  const bytesOfModel = bytes
  await browser.close()
  return { first, bytesOfFirst, bytesOfLoad, model, bytesOfModel, longest }
}

const loads = []
for (let run = 0; run < Number(values.runs); run++) loads.push(await load())
server.close()
const median = (name) => loads.map((each) => each[name]).sort((a, b) => a - b)[Math.floor(loads.length / 2)]
const kilobytes = (name) => `${(median(name) / 1000).toFixed(0)} kB`
console.log(`first figure        ${median("first").toFixed(0)} ms   ${kilobytes("bytesOfFirst")}`)
console.log(`without a touch     ${kilobytes("bytesOfLoad")}`)
console.log(
  `figures of the model, after a scroll to them   ${median("model").toFixed(0)} ms   ${kilobytes("bytesOfModel")} in all`,
)
console.log(`longest task        ${median("longest").toFixed(0)} ms of a quarter of this processor`)
