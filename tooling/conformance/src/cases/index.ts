import type { Case } from "./case.ts"
import { convolution } from "./convolution.ts"
import { elementwise } from "./elementwise.ts"
import { fused } from "./fused.ts"
import { structure } from "./structure.ts"

/** Every op with its gradient, by name. */
export const opCases: Readonly<Record<string, Case>> = { ...elementwise, ...structure, ...fused, ...convolution }
