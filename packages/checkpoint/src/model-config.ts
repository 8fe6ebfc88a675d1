import type { ViTConfig } from "@vitrine/core"
import type { BiTConfig } from "@vitrine/resnet"

/** The configuration of an image classifier. `family` says of which family. */
export type ModelConfig = ViTConfig | BiTConfig

/** The names of the families of image classifiers. */
export type FamilyName = ModelConfig["family"]
