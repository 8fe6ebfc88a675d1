import { expose, proxy, type ProxyMarked } from "comlink"
import { chooseBackend } from "./backend.ts"
import type { Detection } from "./detection.ts"
import type { Variant } from "./family.ts"
import { watchFiles } from "./files.ts"
import { createGuide } from "./guide.ts"
import type { Inspection } from "./inspection.ts"
import type { KeptFiles } from "./kept-files.ts"
import { late } from "./late.ts"
import type { Teaching } from "./teaching.ts"
import type { Training } from "./training.ts"

const model = `${import.meta.env.BASE_URL}model/`
const backbone = `${import.meta.env.BASE_URL}backbone/`

let teaching: (Teaching & ProxyMarked) | undefined

/** Fetches the code that teaches at the first call. */
async function teach(): Promise<Teaching & ProxyMarked> {
  const { createTeaching } = await import("./teaching.ts")
  teaching ??= proxy(createTeaching(backbone))
  return teaching
}

let detection: (Detection & ProxyMarked) | undefined

/** Fetches the code of the detection room at the first call. */
async function detect(): Promise<Detection & ProxyMarked> {
  const { createDetection } = await import("./detection.ts")
  detection ??= proxy(createDetection(`${import.meta.env.BASE_URL}detector/`))
  return detection
}

/**
 * The functions that the page can call in the worker. The worker does all the computing. The code of the guide comes with
 * it, that of a room with the first call from the room.
 */
const engine = {
  chooseBackend,
  watchFiles,
  guide: proxy(createGuide(model, backbone)),
  family: async (): Promise<Variant[]> => (await import("./family.ts")).family(),
  training: proxy(late<Training>(async () => (await import("./training.ts")).createTraining())),
  inspection: proxy(late<Inspection>(async () => (await import("./inspection.ts")).createInspection(model))),
  teach,
  detect,
  keptFiles: proxy(late<KeptFiles>(async () => (await import("./kept-files.ts")).createKeptFiles())),
}

export type Engine = typeof engine

expose(engine)
