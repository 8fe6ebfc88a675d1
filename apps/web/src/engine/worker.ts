import { expose, proxy } from "comlink"
import { family } from "./family.ts"
import { chooseBackend } from "./backend.ts"
import { createGuide } from "./guide.ts"
import { createInspection } from "./inspection.ts"
import { createKept } from "./kept.ts"
import { createTraining } from "./training.ts"

const model = `${import.meta.env.BASE_URL}model/`

/** What the page can ask of the worker; all computing is there. */
const engine = {
  chooseBackend,
  guide: proxy(createGuide(model)),
  family,
  training: proxy(createTraining()),
  inspection: proxy(createInspection(model)),
  kept: proxy(createKept()),
}

export type Engine = typeof engine

expose(engine)
