import { expose, proxy } from "comlink"
import { family } from "./family.ts"
import { createGuide } from "./guide.ts"
import { createTraining } from "./training.ts"

/** What the page can ask of the worker; all computing is there. */
const engine = {
  guide: proxy(createGuide(`${import.meta.env.BASE_URL}model/`)),
  family,
  training: proxy(createTraining()),
}

export type Engine = typeof engine

expose(engine)
