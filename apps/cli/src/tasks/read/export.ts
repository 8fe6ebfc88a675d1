import type { ExportPart } from "../task.ts"

export const exportPart: ExportPart = { flags: {}, options: () => ({}) }
