import { checkFields, type Field, type Fields, hasRow, rowNames, showValue, VitrineError } from "@vitrine/core"
import { interpolations } from "../resize/coefficients.ts"
import type { Transform } from "./transforms.ts"

type FieldsOf<O extends Transform["op"]> = Required<{
  readonly [F in Exclude<keyof Extract<Transform, { readonly op: O }>, "op">]: Field
}>

const side = { kind: "number", integer: true, from: 1, to: 16384 } as const
const size = { kind: "tuple", of: [side, side] } as const
const probability = { kind: "number", from: 0, to: 1 } as const
const interpolation = { kind: "choice", of: interpolations } as const
const bytes = { kind: "list", of: { kind: "number", integer: true, from: 0, to: 255 } } as const
const numbers = { kind: "list", of: { kind: "number" } } as const

/** The least and the greatest share of an image's area. */
const areas = {
  kind: "tuple",
  of: [
    { kind: "number", above: 0, to: 1 },
    { kind: "number", above: 0, to: 1 },
  ],
} as const

/** The least and the greatest ratio of width to height. */
const ratios = {
  kind: "tuple",
  of: [
    { kind: "number", above: 0, below: 1e6 },
    { kind: "number", above: 0, below: 1e6 },
  ],
} as const

/** The fields of each transform. Checks, and the schemas of recipes, follow from this table. */
export const transformFields: { readonly [O in Transform["op"]]: FieldsOf<O> } = {
  resize: {
    size: { kind: "either", of: [side, size] },
    fit: { kind: "choice", of: ["cover", "contain"], optional: true },
    interpolation,
    precision: { kind: "choice", of: ["float"], optional: true },
  },
  centerCrop: {
    size,
    fill: { ...bytes, optional: true },
    rounding: { kind: "choice", of: ["down", "zero"], optional: true },
    place: { kind: "choice", of: ["corner", "whole"], optional: true },
  },
  randomResizedCrop: { size, scale: areas, ratio: ratios, interpolation },
  randomCrop: { size, scale: { kind: "number", from: 1, to: 8 }, interpolation },
  padCrop: { pad: { kind: "number", integer: true, from: 0, to: 16384 } },
  flip: { p: probability },
  randAugment: {
    n: { kind: "number", integer: true, from: 0, to: 16 },
    magnitude: { kind: "number", from: 0, to: 10 },
  },
  grayscale: {},
  toRgb: {},
  normalize: { mean: numbers, std: numbers },
  randomErasing: { p: probability, scale: areas, ratio: ratios },
}

/** The names of the transforms in recipes. */
export const transformOps: readonly Transform["op"][] = rowNames(transformFields)

/**
 * Checks transforms one by one, and their order.
 * @throws VitrineError (config) with the first impossible transform
 */
export function checkTransforms(transforms: readonly Transform[]): void {
  let normalized = false
  let numbers = false
  for (const [at, step] of transforms.entries()) {
    if (typeof step !== "object" || step === null || !hasRow(transformFields, step.op))
      throw new VitrineError(
        "config",
        `transform ${at}: there is no operation ${showValue(step?.op)}; there are ${transformOps.join(", ")}`,
      )
    const fields: Fields = transformFields[step.op]
    const fail = (fault: string): never => {
      throw new VitrineError("config", `transform ${at} (${step.op}): ${fault}, got ${JSON.stringify(step)}`)
    }
    checkFields(fields, step, `transform ${at} (${step.op}): `)
    const fault = faultOf(step)
    if (fault !== undefined) fail(fault)
    if (step.op === "normalize" && normalized) fail("normalises twice")
    if (step.op === "randomErasing" && !normalized) fail("must come after normalize")
    if (step.op !== "normalize" && step.op !== "randomErasing" && normalized) fail("must come before normalize")
    if (numbers && !["centerCrop", "normalize", "randomErasing"].includes(step.op))
      fail('must come before a resize with precision "float"')
    numbers ||= step.op === "resize" && step.precision === "float"
    normalized ||= step.op === "normalize"
  }
}

/** The reason why the fields of a transform contradict each other, or undefined. */
function faultOf(step: Transform): string | undefined {
  switch (step.op) {
    case "resize":
      return step.fit !== undefined && typeof step.size === "number" ? "fit needs a size of [height, width]" : undefined
    case "randomResizedCrop":
    case "randomErasing":
      return step.scale[0] > step.scale[1] || step.ratio[0] > step.ratio[1]
        ? "scale and ratio must name the lesser number first"
        : undefined
    case "normalize":
      if (step.mean.length !== step.std.length || ![1, 3].includes(step.mean.length))
        return "mean and std must have 1 or 3 numbers each"
      return step.std.includes(0) ? "std must not be 0" : undefined
    default:
      return undefined
  }
}
