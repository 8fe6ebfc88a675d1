import type { Flags, Values } from "../../flags/flag.ts"
import { overrideFlags } from "../../flags/overrides.ts"
import type { ExportPart } from "../task.ts"
import { dilationFlags } from "./flags.ts"

const { imageSize, numHeads } = overrideFlags
const flags = { imageSize, numHeads, ...dilationFlags } as const satisfies Flags

export const exportPart: ExportPart = {
  flags,
  options: ({ imageSize, numHeads: heads, dilation: dilated }: Values<typeof flags>) => ({ imageSize, heads, dilated }),
}
