import type { ExportPart } from "../task.ts"

export const exportation: ExportPart = { flags: {}, options: () => ({}) }
