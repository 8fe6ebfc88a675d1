import type { Passes } from "./plain.ts"
import { plainPasses } from "./plain.ts"

export function wasmPasses(): Passes {
  return plainPasses
}
