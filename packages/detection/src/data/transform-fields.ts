import type { Field } from "@vitrine/core"
import type { DetectionTransform } from "./transforms.ts"

const side = { kind: "number", integer: true, from: 1, to: 16384 } as const

type FieldsOf<O extends DetectionTransform["op"]> = Required<{
  readonly [F in Exclude<keyof Extract<DetectionTransform, { readonly op: O }>, "op">]: Field
}>

/** What each step of augmentation holds, but for `either`, which holds two lists of steps. */
export const detectionTransformFields: {
  readonly [O in Exclude<DetectionTransform["op"], "either">]: FieldsOf<O>
} = {
  flip: { p: { kind: "number", from: 0, to: 1 } },
  resizeShortest: {
    shortest: { kind: "list", of: side },
    within: { kind: "tuple", of: [side, side], optional: true },
  },
  sizeCrop: { least: side, most: side },
}
