export * from "./convolution.ts"
export * from "./fused.ts"
export * from "./ops.ts"
