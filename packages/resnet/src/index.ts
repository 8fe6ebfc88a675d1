export { type BiTConfig, bitConfig, bitRanges, bitVariant, isBiTVariant } from "./config.ts"
export { bit, bitFeatures } from "./model.ts"
export { initializeBiT, bitParameters, bitModel } from "./parameters.ts"
export {
  initializeResNet,
  type ResNetConfig,
  resnetConfig,
  resnetFeatures,
  resnetFields,
  resnetStride,
  resnetVariant,
} from "./resnet.ts"
