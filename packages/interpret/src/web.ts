export * from "./index.ts"
export { toPng } from "./web/png.ts"
export type { PngOptions } from "./png-size.ts"
