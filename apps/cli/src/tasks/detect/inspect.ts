import type { Backend } from "@vitrine/core"
import { loadDetector } from "vitrine"
import type { Flags, Values } from "../../flags/flag.ts"
import { attentionFlags, type InspectValues } from "../../flags/inspect.ts"
import { overrideFlags } from "../../flags/overrides.ts"
import type { InspectPart, Subject } from "../task.ts"
import { detectorFigures } from "./figures.ts"
import { dilationFlags } from "./flags.ts"

const { numHeads } = overrideFlags
const flags = { ...attentionFlags, numHeads, ...dilationFlags } as const satisfies Flags

export const inspectPart: InspectPart = { flags, open }

async function open(path: string, backend: Backend, values: InspectValues & Values<typeof flags>): Promise<Subject> {
  const { numHeads: heads, dilation: dilated } = values
  const detector = await loadDetector(path, { backend, heads, dilated })
  return {
    notes: detector.notes,
    taps: detector.taps,
    inspect: async (image, taps) => (await detector.inspect(image, taps)).taps,
    figures: (options) => detectorFigures({ ...options, flags: values, path, detector }),
    close: detector.close,
  }
}
