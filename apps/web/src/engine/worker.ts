import { expose, proxy, type ProxyMarked } from "comlink"
import { chooseBackend } from "./backend.ts"
import type { Detection } from "./detection.ts"
import { family } from "./family.ts"
import { createGuide } from "./guide.ts"
import { createInspection } from "./inspection.ts"
import { createKeptFiles } from "./kept-files.ts"
import { createTraining } from "./training.ts"

const model = `${import.meta.env.BASE_URL}model/`

let detection: (Detection & ProxyMarked) | undefined

/** Fetches the code of the detection room at the first call. */
async function detect(): Promise<Detection & ProxyMarked> {
  const { createDetection } = await import("./detection.ts")
  detection ??= proxy(createDetection(`${import.meta.env.BASE_URL}detector/`))
  return detection
}

/** The functions that the page can call in the worker. The worker does all the computing. */
const engine = {
  chooseBackend,
  guide: proxy(createGuide(model)),
  family,
  training: proxy(createTraining()),
  inspection: proxy(createInspection(model)),
  detect,
  keptFiles: proxy(createKeptFiles()),
}

export type Engine = typeof engine

expose(engine)
