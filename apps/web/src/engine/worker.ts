import { expose, proxy, type ProxyMarked } from "comlink"
import { family } from "./family.ts"
import { chooseBackend } from "./backend.ts"
import type { Detection } from "./detection.ts"
import { createGuide } from "./guide.ts"
import { createInspection } from "./inspection.ts"
import { createKept } from "./kept.ts"
import { createTraining } from "./training.ts"

const model = `${import.meta.env.BASE_URL}model/`

let detection: (Detection & ProxyMarked) | undefined

/** Fetched when it is first asked for. */
async function detect(): Promise<Detection & ProxyMarked> {
  const { createDetection } = await import("./detection.ts")
  detection ??= proxy(createDetection(`${import.meta.env.BASE_URL}detector/`))
  return detection
}

/** What the page can ask of the worker; all computing is there. */
const engine = {
  chooseBackend,
  guide: proxy(createGuide(model)),
  family,
  training: proxy(createTraining()),
  inspection: proxy(createInspection(model)),
  detect,
  kept: proxy(createKept()),
}

export type Engine = typeof engine

expose(engine)
