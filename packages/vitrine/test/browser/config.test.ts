/// <reference types="vite/client" />
import { describeMutations, type GoodFiles } from "../../../checkpoint/test/mutations.ts"

const files = import.meta.glob<unknown>(
  [
    "../../../../tooling/golden/files/{vit-folder-tiny,family-hybrid,bit-folder,bit-huggingface}/*config.json",
    "../../../../tooling/golden/files/huggingface-{vit,deit-teacher,dinov2,dinov2-registers}/*config.json",
    "../stored/{classify,resnet}/config.json",
  ],
  { import: "default", eager: true },
)

const folders = new Map<string, { config?: unknown; preprocessor?: unknown }>()
for (const [path, json] of Object.entries(files)) {
  const [file = "", folder = ""] = path.split("/").toReversed()
  const key = file === "config.json" ? "config" : "preprocessor"
  folders.set(folder, { ...folders.get(folder), [key]: json })
}

const good: Record<string, GoodFiles> = {}
for (const [folder, { config, preprocessor }] of folders) good[folder] = { config, preprocessor }

describeMutations(good)
