import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { goldenPath } from "@vitrine/golden"
import { describeMutations, type GoodFiles } from "./mutations.ts"

function filesIn(folder: string, hasWeights = false): GoodFiles {
  const json = (file: string): unknown => JSON.parse(readFileSync(`${folder}/${file}`, "utf8"))
  const preprocessor = "preprocessor_config.json"
  return {
    config: json("config.json"),
    preprocessor: existsSync(`${folder}/${preprocessor}`) ? json(preprocessor) : null,
    ...(hasWeights && { weights: new Uint8Array(readFileSync(`${folder}/model.safetensors`)) }),
  }
}

const run = (name: string): string => fileURLToPath(new URL(`../../vitrine/test/stored/${name}`, import.meta.url))

describeMutations({
  "a Vision Transformer of timm's": filesIn(goldenPath("vit-folder-tiny")),
  "a hybrid of timm's": filesIn(goldenPath("family-hybrid")),
  "a ResNet of timm's": filesIn(goldenPath("bit-folder")),
  "a ViT of Hugging Face's": filesIn(goldenPath("huggingface-vit")),
  "a DeiT of Hugging Face's": filesIn(goldenPath("huggingface-deit-teacher")),
  "a DINOv2 of Hugging Face's": filesIn(goldenPath("huggingface-dinov2")),
  "a DINOv2 with registers of Hugging Face's": filesIn(goldenPath("huggingface-dinov2-registers")),
  "a BiT of Hugging Face's": filesIn(goldenPath("bit-huggingface")),
  "a DETR of Hugging Face's": filesIn(goldenPath("huggingface-detr"), true),
  "a run": filesIn(run("classify")),
  "a run of a ResNet": filesIn(run("resnet")),
  "a run of a detector": filesIn(run("detect"), true),
})
