import type { Flags } from "../../flags/flag.ts"
import { integerValue, nonNegativeValue } from "../../flags/values.ts"

/** The options of the search for the most probable text. */
export const searchFlags = {
  beams: { value: "<n>", help: "of a model that reads: search by so many beams", parse: integerValue(1) },
  lengthPenalty: { value: "<alpha>", help: "of that search; default: 0.6", parse: nonNegativeValue },
} as const satisfies Flags
