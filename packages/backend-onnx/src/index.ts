export { encode } from "./onnx/encode.ts"
export type { Attribute, Initializer, Mask, OnnxModel, OnnxNode, OnnxValue } from "./onnx/model.ts"
export { type OnnxOptions, toOnnx } from "./onnx/to-onnx.ts"
