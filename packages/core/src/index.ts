export { type ErrorKind, VitrineError } from "./errors.ts"
export { dropoutMask, fold, type Key, keyFromSeed, permutation, type Stream, stream, threefry } from "./random.ts"
export { type Activation, patchGrid, tokenCount, type ViTConfig, variant, vitConfig } from "./vit/config.ts"
