export * from "./index.ts"
export { createDetectionLoader, type NodeDetectionLoaderOptions } from "./node/loader.ts"
export { openDetection } from "./node/open.ts"
export {
  type AnnotationFormat,
  annotationFormats,
  resolveDetection,
  type ResolveDetectionOptions,
  type ResolvedDetection,
} from "./node/resolve.ts"
