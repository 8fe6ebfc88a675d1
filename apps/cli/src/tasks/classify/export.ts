import { overrideFlags, overridesOf } from "../../flags/overrides.ts"
import type { ExportPart } from "../task.ts"

export const exportation: ExportPart = { flags: overrideFlags, options: overridesOf }
