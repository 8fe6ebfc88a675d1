import { readFileSync } from "node:fs"
import { runInNewContext } from "node:vm"
import { expect, test } from "vitest"

const script = readFileSync(new URL("../../build/service-worker.js", import.meta.url), "utf8")

/** The worker of a version of the site, in a browser that has these caches. */
function worker(version: string, stores: Map<string, Set<string>>): (event: string) => Promise<void> {
  const handlers = new Map<string, (event: object) => void>()
  const skipped: string[] = []
  const caches = {
    open: async (name: string) => {
      const store = stores.get(name) ?? new Set()
      stores.set(name, store)
      return { addAll: async (requests: { url: string }[]) => requests.forEach(({ url }) => store.add(url)) }
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
  const constants = { prefix: "vitrine / ", version, files: ["/", `/assets/${version}.js`] }
  runInNewContext(script, { ...constants, self, caches, Request, URL })
  return async (event) => {
    let work: Promise<unknown> = Promise.resolve()
    handlers.get(event)?.({ waitUntil: (promise: Promise<unknown>) => (work = promise) })
    await work
    // A worker that does not wait would take an open page's parts away.
    expect(skipped).toEqual([])
  }
}

test("an update keeps an open page's parts until it is closed, and leaves others' caches alone", async () => {
  const stores = new Map([
    ["other app", new Set(["/other"])],
    ["vitrine /docs/ 1", new Set(["/docs/"])],
  ])
  const first = worker("1", stores)
  await first("install")
  await first("activate")
  const second = worker("2", stores)
  await second("install")
  expect(stores.get("vitrine / 1")).toEqual(new Set(["/", "/assets/1.js"]))
  await second("activate")
  expect([...stores.keys()].sort()).toEqual(["other app", "vitrine / 2", "vitrine /docs/ 1"])
})
