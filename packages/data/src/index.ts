export type { Batch } from "./batch.ts"
export type { BrokenExample, BrokenOptions } from "./broken.ts"
export type {
  Dataset,
  DatasetSource,
  FilesSource,
  IdxSource,
  NpzSource,
  PackedSource,
  ParquetPart,
  ParquetSource,
  PixelsSource,
  ShapesSource,
  SharedPaths,
  ShardsSource,
  SubsetSource,
} from "./dataset.ts"
export type { Image } from "./image.ts"
export { decodedFormats, isImagePath } from "./formats.ts"
export { type FolderLayout, folderLayout, type FolderOptions, type FolderSplit } from "./layout.ts"
export type { NameList } from "./names.ts"
export { inOrder } from "./in-order.ts"
export type { LabelSets } from "./label-sets.ts"
export { createLoader, type Loader, type LoaderOptions, type OrderOptions } from "./loader.ts"
export type { LineSet } from "./lines/lines.ts"
export { characterRows, type RowOptions } from "./lines/rows.ts"
export { type Mix, mixFields } from "./mix.ts"
export {
  type EpochLanes,
  epochLanes,
  type LaneCounts,
  laneCounts,
  type Order,
  type OrderChoice,
  orderText,
  parseOrder,
  type WindowedOrder,
} from "./order.ts"
export { shapeNames } from "./outlines.ts"
export { pixels } from "./pixels.ts"
export { type Interpolation, interpolations } from "./resize/coefficients.ts"
export { cropImage, resizeImage, type Window } from "./resize/resize.ts"
export { drawShape, shapes } from "./shapes.ts"
export { type Split, type SplitNames, type SplitOptions, splits } from "./splits.ts"
export { meanStd, usualSize } from "./stats.ts"
export { type Selection, subset } from "./subset.ts"
export { applyTransforms, type TransformedImage } from "./transforms/apply.ts"
export { type CropMode, cropModeNames, cropModes } from "./transforms/crop-modes.ts"
export { transformFields, transformOps } from "./transforms/fields.ts"
export {
  type CenterCrop,
  centerCrop,
  evaluationTransform,
  flip,
  grayscale,
  type Normalize,
  normalize,
  padCrop,
  type RandomCrop,
  type RandomErasing,
  type RandomResizedCrop,
  randAugment,
  randomCrop,
  randomErasing,
  randomResizedCrop,
  type Resize,
  resize,
  type Size,
  toRgb,
  type Transform,
} from "./transforms/transforms.ts"
