import type { Backend } from "@vitrine/core"
import { loadReader } from "vitrine"
import type { Values } from "../../flags/flag.ts"
import { attentionFlags, type InspectValues } from "../../flags/inspect.ts"
import type { InspectPart, Subject } from "../task.ts"
import { readerFigures } from "./figures.ts"

export const inspectPart: InspectPart = { flags: attentionFlags, open }

async function open(
  path: string,
  backend: Backend,
  values: InspectValues & Values<typeof attentionFlags>,
): Promise<Subject> {
  const reader = await loadReader(path, { backend })
  return {
    notes: [],
    taps: reader.taps,
    inspect: async (image, taps) => (await reader.inspect(image, taps)).taps,
    figures: (options) => readerFigures({ ...options, flags: values, path, reader }),
    close: reader.close,
  }
}
