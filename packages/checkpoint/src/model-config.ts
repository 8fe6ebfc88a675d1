import type { ViTConfig } from "@vitrine/core"
import type { BiTConfig } from "@vitrine/resnet"

/** The configuration of an image classifier. Its `family` says which. */
export type ModelConfig = ViTConfig | BiTConfig

export type FamilyName = ModelConfig["family"]
