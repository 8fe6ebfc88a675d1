import { annotationFormats } from "@vitrine/detection/node"
import type { Flags } from "../../flags/flag.ts"

/** The annotations to read. */
export const annotationFlags = {
  annotations: {
    group: "Detection (--task detect):",
    value: "<kind>",
    help: "which to read, where the data have both; of Parquet, whether boxes are x, y, width, height (coco) or corners (voc); default: coco",
    choices: annotationFormats,
  },
} as const satisfies Flags

/** A setting that weights without a `config.json` do not determine, under facebookresearch's name. */
export const dilationFlags = {
  dilation: { help: "of a detector's weights without a config.json: DC5, whose last stage is dilated" },
} as const satisfies Flags
