import { type BiTConfig, bitRanges } from "@vitrine/resnet"
import { exactOptional as field } from "valibot"
import { integer, listOf, number, oneOf, only, type Schema, sides } from "../../schema.ts"

const entries = {
  family: field(oneOf(["bit"])),
  imageSize: field(sides(bitRanges.imageSize)),
  channels: field(integer(bitRanges.channels)),
  classes: field(integer(bitRanges.classes)),
  stemWidth: field(integer(bitRanges.stemWidth)),
  widths: field(listOf(integer(bitRanges.widths))),
  middles: field(listOf(integer(bitRanges.middles))),
  depths: field(listOf(integer(bitRanges.depths))),
  groups: field(integer(bitRanges.groups)),
  groupNormEpsilon: field(number),
  weightEpsilon: field(number),
}

export const fields: readonly string[] = Object.keys(entries)

export const schema: Schema<Partial<BiTConfig>> = only("a model", entries)
