import type { DetectionDataset, DetectionSource } from "./dataset.ts"
import { scenes } from "./scenes.ts"

/**
 * Opens a source that needs no files. Returns undefined for other sources, which `openDetection` of the entry `./node`
 * opens.
 */
export function openDetectionInMemory(source: DetectionSource): DetectionDataset | undefined {
  return source.kind === "scenes" ? scenes(source) : undefined
}
