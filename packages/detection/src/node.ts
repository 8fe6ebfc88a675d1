export * from "./index.ts"
export { createDetectionLoader, type NodeDetectionLoaderOptions } from "./node/loader.ts"
export { openDetection } from "./node/open.ts"
export {
  type AnnotationFormat,
  annotationFormats,
  type ResolveDetectionOptions,
  type ResolvedDetection,
} from "./node/options.ts"
export { resolveDetection } from "./node/resolve.ts"
