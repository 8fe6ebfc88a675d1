import { type Signal, signal } from "@preact/signals"
import { watchFiles } from "./engine/files.ts"

/** Whether the whole site is kept on this device: not asked for, under way, kept, or without success. */
export const wholeSite: Signal<"none" | "fetching" | "kept" | "failed"> = signal("none")

/** The bytes of the whole site, which the build knows; null in development. */
export const siteBytes: number | null =
  Number(document.querySelector<HTMLMetaElement>('meta[name="site-bytes"]')?.content ?? 0) || null

export const canKeep: boolean = import.meta.env.PROD && "serviceWorker" in navigator

/** Starts the service worker, which keeps what the reader uses, after the page has loaded. */
export function keepWhatIsUsed(): void {
  if (!canKeep) return
  addEventListener("load", () => {
    setTimeout(() => {
      // Without the service worker the site needs the network.
      navigator.serviceWorker.register(`${import.meta.env.BASE_URL}service-worker.js`).catch(() => {})
    }, 4000)
  })
  watchFiles(reportFiles)
}

/**
 * Tells the service worker which files were fetched, as soon as it is there. It sees no request of a first visit, nor those
 * of a worker that is older than it.
 */
export function reportFiles(files: readonly string[]): void {
  const report = async (): Promise<void> => {
    const { active } = await navigator.serviceWorker.ready
    active?.postMessage(files)
  }
  if (canKeep) void report()
}

/** Fetches the whole site, engines too. */
export async function keepWholeSite(): Promise<void> {
  wholeSite.value = "fetching"
  await navigator.serviceWorker.register(`${import.meta.env.BASE_URL}service-worker.js`)
  const { active } = await navigator.serviceWorker.ready
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener("message", ({ data }) => {
    wholeSite.value = data === "kept" ? "kept" : "failed"
  })
  port1.start()
  active?.postMessage("all", [port2])
}
