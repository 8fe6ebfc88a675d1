export * from "./index.ts"
export { decodeLimits } from "./limits.ts"
export { decodeImage, type ImageSource } from "./web/decode.ts"
