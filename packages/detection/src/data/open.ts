import type { DetectionDataset, DetectionSource } from "./dataset.ts"
import { scenes } from "./scenes.ts"

/** Opens a source that needs no files; undefined for others. The entry `./node` has `openDetection` for all. */
export function openDetectionInMemory(source: DetectionSource): DetectionDataset | undefined {
  return source.kind === "scenes" ? scenes(source) : undefined
}
