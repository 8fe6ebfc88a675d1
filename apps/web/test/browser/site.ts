import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright"
import { type PreviewServer, preview } from "vite"
import { findChromium } from "../../../../tooling/browser/chromium.mjs"

/** The production build on a server, and a browser. */
export interface Site {
  readonly address: string
  readonly browser: Browser
  /**
   * A page in a context of its own, with these values in its local storage; what goes wrong in it is kept in `faults`.
   * Its service worker, which keeps the whole site, runs only where the options allow it.
   */
  open(path: string, options?: BrowserContextOptions, stored?: Readonly<Record<string, string>>): Promise<Visit>
  close(): Promise<void>
}

export interface Visit {
  readonly page: Page
  /** Errors of the page, and requests that left its origin or failed. */
  readonly faults: readonly string[]
  /** Addresses that were asked for. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

let server: Promise<PreviewServer> | undefined
let plain: Promise<Browser> | undefined

/**
 * Test files that run in one process share the server, and the browser without a GPU. Each has pages of its own.
 *
 * @param gpu lets pages have a GPU, in software where there is none, in a browser of their own.
 */
export async function openSite({ gpu = false }: { readonly gpu?: boolean } = {}): Promise<Site> {
  server ??= preview({
    root: new URL("../..", import.meta.url).pathname,
    preview: { port: 0, strictPort: false },
    logLevel: "error",
  })
  const address = ((await server).resolvedUrls?.local[0] ?? "").replace(/\/$/, "")
  const browser = await (gpu ? launch(gpu) : (plain ??= launch(gpu)))
  const contexts = new Set<BrowserContext>()
  return {
    address,
    browser,
    async open(path, options = {}, stored = {}) {
      const context = await browser.newContext({ locale: "en", serviceWorkers: "block", ...options })
      contexts.add(context)
      const page = await context.newPage()
      await page.addInitScript((values) => {
        for (const [name, value] of Object.entries(values)) localStorage.setItem(name, value)
      }, stored)
      const faults: string[] = []
      const requests: string[] = []
      page.on("pageerror", (error) => faults.push(error.message))
      page.on("console", (message) => {
        if (message.type() === "error") faults.push(message.text())
      })
      context.on("request", (request) => {
        // What the service worker keeps comes later, and on its own account.
        if (request.serviceWorker() === null) requests.push(request.url())
        if (!request.url().startsWith(address) && !/^(blob|data):/.test(request.url()))
          faults.push(`left the origin: ${request.url()}`)
      })
      await page.goto(address + path)
      return { page, faults, requests, close: () => context.close() }
    },
    async close() {
      if (gpu) await browser.close()
      else for (const context of contexts) await context.close()
    },
  }
}

function launch(gpu: boolean): Promise<Browser> {
  const executablePath = findChromium()
  return chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      // SwiftShader takes seconds to compile what writes zeros to workgroups' memory, and the checks of indexes.
      ...(gpu
        ? ["--enable-unsafe-webgpu", "--enable-dawn-features=disable_workgroup_init,disable_robustness"]
        : ["--disable-features=WebGPU", "--use-fake-device-for-media-stream"]),
    ],
  })
}
