import { overrideFlags, overridesOf } from "../../flags/overrides.ts"
import type { ExportPart } from "../task.ts"

export const exportPart: ExportPart = { flags: overrideFlags, options: overridesOf }
