export * from "./index.ts"
export { toPng } from "./node/png.ts"
export type { PngOptions } from "./png-size.ts"
