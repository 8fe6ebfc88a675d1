import type { Backend } from "@vitrine/core"
import { load } from "vitrine"
import type { Flags, Values } from "../../flags/flag.ts"
import { attentionFlags, type InspectValues } from "../../flags/inspect.ts"
import { overrideFlags, overridesOf } from "../../flags/overrides.ts"
import type { InspectPart, Subject } from "../task.ts"
import { classifierFigures } from "./figures.ts"

const flags = {
  ...attentionFlags,
  data: { value: "<path>", help: "images for the confusion matrix; default: the run's own" },
  ...overrideFlags,
} as const satisfies Flags

export const inspectPart: InspectPart = { flags, open }

async function open(path: string, backend: Backend, values: InspectValues & Values<typeof flags>): Promise<Subject> {
  const model = await load(path, { backend, ...overridesOf(values) })
  return {
    notes: model.notes,
    taps: model.taps,
    inspect: model.inspect,
    figures: (options) => classifierFigures({ ...options, flags: values, path, model }),
    close: model.close,
  }
}
