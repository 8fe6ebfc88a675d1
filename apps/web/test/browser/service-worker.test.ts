import { readFileSync } from "node:fs"
import { runInNewContext } from "node:vm"
import { expect, test } from "vitest"

const script = readFileSync(new URL("../../build/service-worker.js", import.meta.url), "utf8")

interface Event {
  readonly data?: unknown
  readonly request?: { readonly url: string; readonly method: string; readonly mode: string }
}

/** The worker of a version of the site, in a browser that has these caches and a network. */
function worker(version: string, stores: Map<string, Map<string, Response>>, network = { isUp: true }) {
  const handlers = new Map<string, (event: object) => void>()
  const skipped: string[] = []
  const pathOf = (request: { url: string } | string): string =>
    new URL(typeof request === "string" ? request : request.url, "https://site").pathname
  const fetched = async (request: { url: string } | string): Promise<Response> => {
    if (!network.isUp) throw new TypeError("no network")
    return new Response(`${version} ${pathOf(request)}`)
  }
  const caches = {
    open: async (name: string) => {
      const store = stores.get(name) ?? new Map<string, Response>()
      stores.set(name, store)
      return {
        addAll: async (requests: { url: string }[]) => {
          for (const request of requests) store.set(pathOf(request), await fetched(request))
        },
        put: async (path: string, response: Response) => void store.set(path, response),
        match: async (request: { url: string } | string) => store.get(pathOf(request))?.clone(),
        keys: async () => Array.from(store.keys(), (path) => ({ url: `https://site${path}` })),
      }
    },
    keys: async () => [...stores.keys()],
    delete: async (name: string) => stores.delete(name),
  }
  const self = {
    addEventListener: (name: string, handler: (event: object) => void) => handlers.set(name, handler),
    skipWaiting: async () => void skipped.push(version),
    clients: { claim: async () => {} },
  }
  class Request {
    readonly url: string
    constructor(url: string) {
      this.url = url
    }
  }
  const names = ["assets/train-", "assets/engine-"].map((name) => `/${name}${version.repeat(8)}.js`)
  const constants = { prefix: "vitrine / ", version, shell: ["/"], files: ["/", ...names] }
  const globals = {
    self,
    caches,
    Request,
    Response,
    Headers,
    URL,
    fetch: fetched,
    location: { origin: "https://site" },
  }
  runInNewContext(script, { ...constants, ...globals })
  return async (name: string, event: Event = {}): Promise<Response | undefined> => {
    const work: Promise<unknown>[] = []
    let answer: Promise<Response> | undefined
    handlers.get(name)?.({
      ports: [],
      ...event,
      waitUntil: (promise: Promise<unknown>) => work.push(promise),
      respondWith: (promise: Promise<Response>) => (answer = promise),
    })
    const response = await answer
    await Promise.all(work)
    // A worker that does not wait would take an open page's parts away.
    expect(skipped).toEqual([])
    return response
  }
}

const get = (path: string, mode = "cors"): Event => ({ request: { url: `https://site${path}`, method: "GET", mode } })

const keptBy = (stores: Map<string, Map<string, Response>>, name: string): string[] =>
  Array.from(stores.get(name)?.keys() ?? []).sort()

test("keeps what is used: pages at once, a room when it was opened, all that is asked for", async () => {
  const stores = new Map<string, Map<string, Response>>()
  const network = { isUp: true }
  const first = worker("1", stores, network)
  await first("install")
  expect(keptBy(stores, "vitrine / 1")).toEqual(["/"])
  await first("fetch", get("/assets/train-11111111.js"))
  expect(keptBy(stores, "vitrine / 1")).toEqual(["/", "/assets/train-11111111.js"])
  network.isUp = false
  expect(await (await first("fetch", get("/assets/train-11111111.js")))?.text()).toBe("1 /assets/train-11111111.js")
  expect(await (await first("fetch", get("/inspect/", "navigate")))?.text()).toBe("1 /")
  await expect(first("fetch", get("/assets/engine-11111111.js"))).rejects.toThrow("no network")
  network.isUp = true
  await first("message", { data: ["https://site/assets/engine-11111111.js", "https://site/elsewhere.js"] })
  expect(keptBy(stores, "vitrine / 1")).toEqual(["/", "/assets/engine-11111111.js", "/assets/train-11111111.js"])
})

test("isolates a page on a host that sends no headers", async () => {
  const response = await worker("1", new Map())("fetch", get("/", "navigate"))
  expect(response?.headers.get("Cross-Origin-Opener-Policy")).toBe("same-origin")
  expect(response?.headers.get("Cross-Origin-Embedder-Policy")).toBe("require-corp")
})

test("an update keeps an open page's parts until it is closed, fetches the rooms that were used, and leaves others' caches alone", async () => {
  const stores = new Map([
    ["other app", new Map([["/other", new Response()]])],
    ["vitrine /docs/ 1", new Map([["/docs/", new Response()]])],
  ])
  const first = worker("1", stores)
  await first("install")
  await first("activate")
  await first("fetch", get("/assets/train-11111111.js"))
  const second = worker("2", stores)
  await second("install")
  expect(keptBy(stores, "vitrine / 1")).toEqual(["/", "/assets/train-11111111.js"])
  await second("activate")
  expect([...stores.keys()].sort()).toEqual(["other app", "vitrine / 2", "vitrine /docs/ 1"])
  expect(keptBy(stores, "vitrine / 2")).toEqual(["/", "/assets/train-22222222.js"])
})
