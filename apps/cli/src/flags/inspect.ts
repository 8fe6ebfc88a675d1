import { figureNames } from "@vitrine/interpret"
import type { Flags, Values } from "./flag.ts"
import { machineFlags } from "./machine.ts"
import { modelFlag } from "./model.ts"
import { choicesValue, integerValue, moreNamesValue, queryValue } from "./values.ts"

/** The flags of `inspect` that every task accepts. */
export const inspectFlags = {
  figure: {
    value: "<names>",
    help: `which, with commas or again: all, ${figureNames.join(", ")}`,
    parse: choicesValue(["all", ...figureNames]),
  },
  out: {
    alias: "-o",
    value: "<path>",
    help: "folder for figures (default: figures), or a .safetensors file with --tap",
  },
  format: { value: "<name>", help: "of the figures", choices: ["png", "svg", "json"], default: "png" },
  theme: { value: "<name>", help: "of the figures", choices: ["light", "dark"], default: "light" },
  listTaps: { help: "name all steps of the computation, with their shapes" },
  tap: {
    value: "<names>",
    help: "give values of these steps, with commas or again; blocks.3 is what block 3 gives",
    parse: moreNamesValue,
  },
  json: { help: "one JSON document; with --tap, all values" },
  ...modelFlag,
  ...machineFlags,
} as const satisfies Flags

export type InspectValues = Values<typeof inspectFlags>

/** Flags of several tasks that choose the attention to show. */
export const attentionFlags = {
  block: {
    value: "<i>",
    help: "of the attention and the features, from 0; default: all, and the last; of a detector or reader a layer of its decoder",
    parse: integerValue(0),
  },
  head: { value: "<j>", help: "of the attention, from 0; default: all", parse: integerValue(0) },
  query: {
    value: "<which>",
    help: "who looks: class, mean, or a patch as ROW,COLUMN; default: what the head reads; or a number: an object query of a detector, a character of a reader",
    parse: queryValue,
  },
} as const satisfies Flags
