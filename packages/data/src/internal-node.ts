/** For Vitrine's packages only. It may change in any release. */
export * from "./internal.ts"
export { cached, type PixelCache, pixelCache } from "./node/cache.ts"
export { decodeAdmitted } from "./node/decode.ts"
export { absolutePaths } from "./node/files.ts"
export { openFile, readFileWithin } from "./node/open-file.ts"
export { serveBatches, workerPool } from "./node/pool.ts"
export { parseTable } from "./node/tables/parse.ts"
export { type FileTree, openTree } from "./node/tree.ts"
