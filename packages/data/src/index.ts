export type { Batch, BatchJob } from "./batch.ts"
export {
  type Dataset,
  type DatasetSource,
  type FilesSource,
  type IdxSource,
  openInMemory,
  type PackedSource,
  type PixelsSource,
  pixels,
  type ShapesSource,
  type SubsetSource,
} from "./dataset.ts"
export { type IdxHeader, idxHeader, parseIdx } from "./idx.ts"
export { blank, checkImage, type Image } from "./image.ts"
export { isImagePath, type FolderLayout, folderLayout, type FolderSplit } from "./layout.ts"
export {
  checkBatch,
  checkOrder,
  createLoader,
  type Loader,
  type LoaderOptions,
  loaderOf,
  localBatchMaker,
  type BatchMaker,
  type OrderOptions,
} from "./loader.ts"
export { type LineLabel, labelLimits, parseLabels } from "./lines/labels.ts"
export type { LineSet } from "./lines/lines.ts"
export { type RowOptions, characterRows } from "./lines/rows.ts"
export { checkMix, type Mix, mixBatch } from "./mix.ts"
export type { Interpolation } from "./resize/coefficients.ts"
export { readAhead } from "./read-ahead.ts"
export { wasmPasses } from "./resize/wasm.ts"
export { cropImage, resizeImage, type Window } from "./resize/resize.ts"
export { outlines, shapeNames } from "./outlines.ts"
export { drawShape, shapes } from "./shapes.ts"
export { meanStd } from "./stats.ts"
export { type Selection, subset } from "./subset.ts"
export { applyTransforms, type TransformedImage } from "./transforms/apply.ts"
export { mirrored, roundHalfEven } from "./transforms/geometry.ts"
export {
  centerCrop,
  checkTransforms,
  evaluationTransform,
  flip,
  grayscale,
  normalize,
  type Normalize,
  padCrop,
  type RandomErasing,
  type RandomResizedCrop,
  randAugment,
  randomErasing,
  randomCrop,
  randomResizedCrop,
  type Resize,
  resize,
  type Size,
  toRgb,
  type Transform,
} from "./transforms/transforms.ts"
