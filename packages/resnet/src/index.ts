export { type BiTConfig, bitConfig, bitVariant, isBitVariant } from "./config.ts"
export { resnetV2, resnetV2Features } from "./model.ts"
export { initializeResnet, resnetParameters, resnetV2Model } from "./parameters.ts"
export {
  initializeResnetFeatures,
  type ResNetConfig,
  resnetConfig,
  resnetFeatures,
  resnetStride,
  resnetVariant,
} from "./resnet.ts"
