export { type BiTConfig, bitConfig, bitVariant } from "./config.ts"
export { resnetV2, resnetV2Features } from "./model.ts"
export { initializeResnet, resnetParameters } from "./parameters.ts"
export {
  initializeResnetFeatures,
  type ResNetConfig,
  resnetConfig,
  resnetFeatures,
  resnetStride,
  resnetVariant,
} from "./resnet.ts"
