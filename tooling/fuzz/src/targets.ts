import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  fromHuggingFace,
  fromTimmConfig,
  memorySource,
  openDetector,
  openGoogleModel,
  openModel,
  parseJson,
  readNpy,
  readNpz,
  readSafetensors,
} from "@vitrine/checkpoint"
import { readMetrics } from "@vitrine/checkpoint/node"
import { openTree, parseIdx, parseLabels, parseTable } from "@vitrine/data/internal/node"
import { decodeImage, openDataset, resolveData, resolveLines } from "@vitrine/data/node"
import { parseCoco } from "@vitrine/detection"
import { resolveDetection } from "@vitrine/detection/node"
import { parseVoc } from "@vitrine/detection/voc"
import { parseHubName } from "@vitrine/hub"
import {
  checkReadingRecipe,
  type DetectionRecipe,
  type Recipe,
  readRun,
  resolveDetectionRecipe,
  resolveRecipe,
} from "vitrine"
import * as corpus from "./corpus.ts"

/** A parser, and files that it can read. */
export interface Target {
  readonly name: string
  /** How many times as many inputs it gets. Fast parsers get more. The sum over all parsers is 100. */
  readonly share: number
  /** The source files whose branches the inputs should reach. */
  readonly covers: readonly string[]
  corpus(): Uint8Array[] | Promise<Uint8Array[]>
  parse(bytes: Uint8Array): unknown
}

const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
export const folder: string = mkdtempSync(join(tmpdir(), "vitrine-fuzz-"))
mkdirSync(join(folder, "table"))
for (const name of ["a.png", "b.png"]) writeFileSync(join(folder, "table", name), "")

/** Writes the bytes to a file. The next call overwrites it. */
function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** A model folder in memory. */
const folderOf = (json: Uint8Array | undefined, weights: Uint8Array | undefined): Parameters<typeof openModel>[0] => ({
  name: "folder",
  nameOf: (file) => `folder/${file}`,
  json: async (file) => (file === "config.json" && json ? parseJson(json, "config.json") : undefined),
  open: async (file) => (file === "model.safetensors" && weights ? memorySource(weights, file) : undefined),
})

const shardedConfig = parseJson(corpus.goldenFile("huggingface-dinov2-swiglu/config.json"), "config.json")

/** A model folder whose weights are in two files, with this index. */
const shardedFolder = (index: Uint8Array): Parameters<typeof openModel>[0] => ({
  name: "folder",
  nameOf: (file) => `folder/${file}`,
  json: async (file) =>
    file === "config.json" ? shardedConfig : /index/.test(file) ? parseJson(index, file) : undefined,
  open: async (file) =>
    /^model-0000[12]-of-00002\.safetensors$/.test(file)
      ? memorySource(corpus.goldenFile(`huggingface-dinov2-swiglu/${file}`), file)
      : undefined,
})

const vitFolder = parseJson(corpus.goldenFile("huggingface-vit/config.json"), "config.json")
const detectorWeights = corpus.goldenFile("huggingface-detr/model.safetensors")
const ignore = (): void => {}
const dataFacts = { examples: 100, classes: 3, channels: 3, imageSize: [32, 32], mean: [0.5], std: [0.2] } as const
const detectionFacts = { examples: 100, classes: 3, imageSize: [64, 64], objects: 2, builtIn: false } as const

/** All parsers of files from outside. */
export const targets: readonly Target[] = [
  {
    name: "safetensors",
    share: 1,
    covers: ["checkpoint/safetensors", "archive/dtype"],
    corpus: () => corpus.goldenFiles(/\.safetensors$/),
    parse: (bytes) => readSafetensors(bytes, "file"),
  },
  {
    name: "npy",
    share: 9,
    covers: ["archive/npy"],
    corpus: () => [],
    parse: (bytes) => readNpy(bytes, "file"),
  },
  {
    name: "npz",
    share: 1,
    covers: ["archive/npz", "archive/zip"],
    corpus: () => corpus.goldenFiles(/\.npz$/),
    parse: (bytes) => readNpz(bytes, "file"),
  },
  {
    name: "json",
    share: 4,
    covers: ["checkpoint/json"],
    corpus: () => corpus.goldenFiles(/config\.json$/),
    parse: (bytes) => parseJson(bytes, "file"),
  },
  {
    name: "timm-config",
    share: 3,
    covers: ["checkpoint/timm"],
    corpus: () => corpus.goldenFiles(/(family-.*|folder-tiny|bit-folder)[/\\]config\.json$/),
    parse: (bytes) => fromTimmConfig(parseJson(bytes, "file"), "file"),
  },
  {
    name: "huggingface-config",
    share: 3,
    covers: ["checkpoint/huggingface"],
    corpus: () => corpus.goldenFiles(/huggingface[^/\\]*[/\\]config\.json$/),
    parse: (bytes) => fromHuggingFace(parseJson(bytes, "file"), null, "file"),
  },
  {
    name: "preprocessor-config",
    share: 4,
    covers: ["checkpoint/huggingface-preprocessor"],
    corpus: () => [corpus.goldenFile("huggingface-vit/preprocessor_config.json")],
    parse: (bytes) => fromHuggingFace(vitFolder, parseJson(bytes, "file"), "file"),
  },
  {
    name: "state-dict",
    share: 1,
    covers: ["checkpoint/families/vit/timm-weights", "checkpoint/weights"],
    corpus: corpus.stateDicts,
    parse: (bytes) => openModel(folderOf(undefined, bytes), "model.safetensors", { heads: 2 }),
  },
  {
    name: "google-npz",
    share: 1,
    covers: ["checkpoint/families/vit/google-weights", "archive/npz", "archive/zip"],
    corpus: () => corpus.goldenFiles(/(google|big-vision|bit)-[a-z]*\.npz$/),
    parse: (bytes) => openGoogleModel(memorySource(bytes, "file")),
  },
  {
    name: "detector-config",
    share: 1,
    covers: ["checkpoint/detr"],
    corpus: () => [corpus.goldenFile("huggingface-detr/config.json")],
    parse: (bytes) => openDetector(folderOf(bytes, detectorWeights), "model.safetensors"),
  },
  {
    name: "idx",
    share: 10,
    covers: ["data/idx"],
    corpus: corpus.idxFiles,
    parse: (bytes) => parseIdx(bytes, "file"),
  },
  {
    name: "labels",
    share: 5,
    covers: ["data/lines/labels"],
    corpus: corpus.labelFiles,
    parse: (bytes) => parseLabels(utf8(bytes), bytes[0] === 0x7b ? "labels.jsonl" : "labels.tsv"),
  },
  {
    name: "table",
    share: 3,
    covers: ["data/node/tables/parse"],
    corpus: corpus.tables,
    parse: (bytes) => parseTable(bytes, bytes[0] === 0x7b ? "table.jsonl" : "table.csv"),
  },
  {
    name: "parquet",
    share: 1,
    covers: ["data/parquet", "data/node/parquet"],
    corpus: () => corpus.goldenFiles(/parquet[/\\][^/\\]*\.parquet$/),
    parse: async (bytes) => {
      const { train } = await resolveData(fileOf("set.parquet", bytes), { valFraction: 0 })
      const dataset = await openDataset(train)
      try {
        for (let i = 0; i < Math.min(dataset.length, 1000); i++) await dataset.bytes?.(i)
      } finally {
        await dataset.close?.()
      }
    },
  },
  {
    name: "parquet-annotated",
    share: 1,
    covers: [
      "data/parquet/leaves",
      "data/node/parquet/image-rows",
      "data/node/parquet/lines",
      "detection/node/parquet",
    ],
    corpus: () => corpus.goldenFiles(/annotated[/\\][^/\\]*\.parquet$/),
    parse: async (bytes) => {
      const path = fileOf("annotated.parquet", bytes)
      if (bytes.length % 2 === 0) await resolveDetection(path)
      else await (await resolveLines(path)).close()
    },
  },
  {
    name: "coco",
    share: 7,
    covers: ["detection/data/coco", "detection/data/annotations"],
    corpus: corpus.cocoFiles,
    parse: (bytes) => parseCoco(utf8(bytes), "file", ignore),
  },
  {
    name: "voc",
    share: 4,
    covers: ["detection/data/voc"],
    corpus: corpus.vocFiles,
    parse: (bytes) => parseVoc(utf8(bytes), "file", ignore),
  },
  {
    name: "image",
    share: 1,
    covers: ["data/header", "data/bmp", "data/tiff", "data/node/decode"],
    corpus: corpus.images,
    parse: (bytes) => decodeImage(bytes, "file"),
  },
  {
    name: "tar",
    share: 1,
    covers: ["data/node/tar", "data/node/archive"],
    corpus: corpus.tarFiles,
    parse: async (bytes) => {
      const path = fileOf(bytes[0] === 0x1f ? "set.tar.gz" : "set.tar", bytes)
      const tree = await openTree(path, () => true)
      await tree.close?.()
    },
  },
  {
    name: "zip",
    share: 1,
    covers: ["archive/zip", "data/node/archive"],
    corpus: corpus.zipFiles,
    parse: async (bytes) => {
      const tree = await openTree(fileOf("set.zip", bytes), () => true)
      try {
        for (const name of tree.names) await tree.read(name, 2 ** 20)
      } finally {
        await tree.close()
      }
    },
  },
  {
    name: "webdataset",
    share: 1,
    covers: ["data/node/shards/resolve", "data/node/shards/samples", "data/node/shards/open"],
    corpus: corpus.shards,
    parse: async (bytes) => {
      const { train } = await resolveData(fileOf("shard.tar", bytes), { valFraction: 0 })
      const dataset = await openDataset(train)
      try {
        for (let i = 0; i < dataset.length; i++) await dataset.bytes?.(i)
      } finally {
        await dataset.close?.()
      }
    },
  },
  {
    name: "hub-name",
    share: 9,
    covers: ["hub/name"],
    corpus: corpus.hubNames,
    parse: (bytes) => parseHubName(utf8(bytes)),
  },
  {
    name: "recipe",
    share: 8,
    covers: ["vitrine/tasks/classify/recipe"],
    corpus: corpus.recipes,
    parse: (bytes) => resolveRecipe(parseJson(bytes, "file") as Recipe, dataFacts, 0),
  },
  {
    name: "detection-recipe",
    share: 8,
    covers: ["vitrine/tasks/detect/recipe"],
    corpus: corpus.recipes,
    parse: (bytes) => resolveDetectionRecipe(parseJson(bytes, "file") as DetectionRecipe, detectionFacts, 0),
  },
  {
    name: "metrics",
    share: 1,
    covers: ["checkpoint/node/metrics"],
    corpus: corpus.metricsFiles,
    parse: (bytes) => readMetrics(fileOf("metrics.jsonl", bytes)),
  },
  {
    name: "run",
    share: 1,
    covers: ["vitrine/tasks/classify/node/runs", "vitrine/tasks/classify/record"],
    corpus: corpus.runRecords,
    parse: (bytes) => {
      fileOf("config.json", bytes)
      fileOf("metrics.jsonl", corpus.metricsFile())
      return readRun(folder)
    },
  },
  {
    name: "tower-config",
    share: 1,
    covers: ["checkpoint/towers", "checkpoint/huggingface"],
    corpus: () => corpus.goldenFiles(/(towers|dinov3)[^/\\]*[/\\]config\.json$/),
    parse: (bytes) => fromHuggingFace(parseJson(bytes, "file"), null, "file"),
  },
  {
    name: "shard-index",
    share: 1,
    covers: ["checkpoint/shards"],
    corpus: () => corpus.goldenFiles(/swiglu[/\\][^/\\]*index\.json$/),
    parse: (bytes) => openModel(shardedFolder(bytes), "model.safetensors"),
  },
  {
    name: "reading-recipe",
    share: 6,
    covers: ["vitrine/tasks/read/schema", "vitrine/fields-schema"],
    corpus: corpus.recipes,
    parse: (bytes) => checkReadingRecipe(parseJson(bytes, "file")),
  },
  {
    name: "table-folder",
    share: 1,
    covers: ["data/node/tables/rows", "data/node/resolve"],
    corpus: corpus.tables,
    parse: (bytes) => {
      const path = join(folder, "table", bytes[0] === 0x7b ? "table.jsonl" : "table.csv")
      writeFileSync(path, bytes)
      return resolveData(path)
    },
  },
  {
    name: "npz-images",
    share: 1,
    covers: ["data/node/npz"],
    corpus: corpus.imageArrays,
    parse: (bytes) => resolveData(fileOf("images.npz", bytes)),
  },
]
