/**
 * Model folders in the format of Hugging Face's transformers: `config.json` with a `model_type`,
 * `preprocessor_config.json` and `model.safetensors`.
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models
 */
import { VitrineError } from "@vitrine/core"
import * as v from "valibot"
import type { ModelDescription, ModelHints } from "./description.ts"
import { configError, shown } from "./errors.ts"
import type { Family } from "./families/family.ts"
import type { HuggingFaceFormat, HuggingFaceTensor } from "./families/formats.ts"
import { familyOf, fromFamilies, recognisedFamily } from "./families/index.ts"
import { fromPreprocessor } from "./huggingface-preprocessor.ts"
import { toPreprocessor } from "./huggingface-to-preprocessor.ts"
import { isObject, type Json } from "./json.ts"
import { classNames } from "./labels.ts"
import type { ModelConfig } from "./model-config.ts"
import type { Preprocessing } from "./preprocessing.ts"
import { readProblemType } from "./problem-type.ts"
import { listOf, number, object, oneOf, parse, text } from "./schema.ts"
import { sourceTensors, type TensorNames } from "./sources.ts"
import { checkTensors } from "./tensors.ts"
import type { WeightSources } from "./weights.ts"

const typeSchema = object({ model_type: text })

const fileSchema = object({
  architectures: v.nullish(listOf(v.unknown()), []),
  id2label: v.nullish(object({})),
  num_labels: v.nullish(number),
})

/**
 * Reads the `config.json` and `preprocessor_config.json` of a ViT, DeiT, DINOv2, DINOv2 with registers or BiT. Models
 * without a head output the normed class token, and their poolers are ignored. Missing fields have the defaults of
 * transformers 5. DINOv2 and BiT accept images of the preprocessor's size, to which DINOv2's positions are resized.
 * @param preprocessorJson null if there is no such file; images are then prepared as those of the published models
 * @param file the name of `config.json` in errors; errors of the preprocessor name a file in the same folder
 * @param options `outputs` is the number of the head's outputs in the weights, if it is known; names of another number of
 *   classes are ignored. `hints` decide if the preprocessor contradicts the model.
 * @throws VitrineError (config) for an impossible model, or one with features that Vitrine does not have
 */
export async function fromHuggingFace(
  json: unknown,
  preprocessorJson: unknown,
  file: string,
  { outputs, hints = {} }: { readonly outputs?: number; readonly hints?: ModelHints } = {},
): Promise<ModelDescription> {
  const { model_type: type } = parse(typeSchema, json, file)
  const family = familyOfType(type)
  const format = await family?.formats.huggingFace?.()
  const names = format?.types.get(type)
  if (format === undefined || names === undefined) {
    const readable = fromFamilies((each) => each.modelTypes)
    throw configError(
      file,
      `model_type is ${shown(type)}: of Hugging Face's models Vitrine reads ${readable.map(shown).join(", ")}`,
    )
  }
  const fields = parse(fileSchema, json, file)
  const classifier = `${names.classes}ForImageClassification`
  const [first = classifier] = fields.architectures
  const classNamesOfType = names.heads.map((head) => names.classes + head)
  const architecture = parse(oneOf(classNamesOfType), first, file, "architectures[0]")
  const classes = architecture.startsWith(classifier) ? (outputs ?? classCount(fields)) : 0
  const {
    config,
    takes,
    positionMethod,
    patchSize,
    notes = [],
    ...nominal
  } = format.read(fields, architecture, classes, file)
  const preprocessorFile = file.replace(/config\.json(?=[^/\\]*$)/, "preprocessor_config.json")
  const { imageSize, mean, std } = hints
  const taken = nominal.imageSize ?? config.imageSize
  const said = preprocessorJson ?? names.preprocessor(taken)
  const preprocessor = isObject(said)
    ? { ...said, ...(mean && { image_mean: mean }), ...(std && { image_std: std }) }
    : said
  const anySize = takes !== "its size" || imageSize !== undefined
  const prepared = fromPreprocessor(preprocessor, { ...config, imageSize: taken }, preprocessorFile, anySize)
  const preprocessing = patchSize === undefined ? prepared : droppingEdges(prepared, patchSize)
  const { id2label } = fields
  const problemType = readProblemType(json, classes, file)
  const named = classes === 0 || id2label == null ? null : classNames("id2label", id2label, classes, file)
  const fewer = named?.labels != null && Object.keys(id2label ?? {}).length < classes && outputs !== undefined
  return {
    config: takes === "the preprocessor's size" ? { ...config, imageSize: preprocessing.size } : config,
    preprocessing,
    labels: fewer ? null : (named?.labels ?? null),
    positionMethod,
    ...(problemType !== null && { problemType }),
    notes: [
      ...notes,
      ...(preprocessorJson === null
        ? ["has no preprocessor_config.json: images are prepared as its kind of models mostly has them"]
        : []),
      ...(named?.notes ?? []),
      ...(fewer ? [`id2label names too few classes, the model has ${classes}: they are called by their numbers`] : []),
    ],
  }
}

/** Drops the lower and right edges of images that patches do not cover, as the convolution does. */
function droppingEdges(preprocessing: Preprocessing, patchSize: readonly [number, number]): Preprocessing {
  const { size } = preprocessing
  const [height, width] = size
  const covered = [height - (height % patchSize[0]), width - (width % patchSize[1])] as const
  if (covered.join() === size.join() || Math.min(...covered) === 0) return preprocessing
  const { resize = size } = preprocessing
  return { ...preprocessing, size: covered, resize, crop: size }
}

function familyOfType(type: string): Family | undefined {
  return recognisedFamily(({ modelTypes }) => modelTypes.includes(type))
}

/** The number of the head's outputs. As in transformers, `id2label` takes precedence over `num_labels`. */
function classCount({ id2label, num_labels }: v.InferOutput<typeof fileSchema>): number {
  return id2label == null ? (num_labels ?? 2) : Object.keys(id2label).length
}

/** @throws VitrineError (config) for a family that Vitrine does not write for transformers */
async function formatOf(config: ModelConfig): Promise<HuggingFaceFormat> {
  const { formats, label } = familyOf(config)
  const format = await formats.huggingFace?.()
  if (format === undefined)
    throw new VitrineError("config", `a ${label} is not written for transformers: export it to timm`)
  return format
}

/** Two JSON files, and notes about what they cannot express, a line each. */
export interface HuggingFaceFiles {
  readonly config: Json
  readonly preprocessor: Json
  readonly notes: readonly string[]
}

/**
 * The JSON files beside the weights, for transformers and transformers.js.
 * @throws VitrineError (config) for preprocessing that no image processor of transformers can do
 */
export async function toHuggingFace({
  config,
  preprocessing,
  labels,
  problemType,
}: ModelDescription): Promise<HuggingFaceFiles> {
  const { preprocessor, notes } = toPreprocessor(preprocessing, config)
  const names = labels ?? Array.from({ length: config.classes }, (_, i) => `LABEL_${i}`)
  const model = (await formatOf(config)).write(config)
  return {
    config: {
      ...model.fields,
      ...(problemType && { problem_type: problemType }),
      ...(config.classes > 0 && {
        id2label: Object.fromEntries(names.map((name, i) => [i, name])),
        label2id: Object.fromEntries(names.map((name, i) => [name, i])),
      }),
    },
    preprocessor,
    notes: [...notes, ...model.notes],
  }
}

/** The properties of a model that no class of transformers has, or that none combines. */
export async function beyondHuggingFace(config: ModelConfig): Promise<string[]> {
  return (await formatOf(config)).beyond(config)
}

/**
 * A model's parameters with transformers' names. Some are views of `weights`. Parameters that the class of transformers
 * has and the model lacks get neutral values: positions and biases of 0, factors of 1. Parameters that only the model
 * has go into others: LayerScale into the matrix before it, positions of registers into the registers.
 * @param weights by timm's names
 * @throws VitrineError (config) for a model that no class of transformers can be
 */
export async function huggingFaceTensors(
  config: ModelConfig,
  weights: Readonly<Record<string, Float32Array>>,
): Promise<readonly HuggingFaceTensor[]> {
  const format = await formatOf(config)
  const reasons = format.beyond(config)
  if (reasons.length > 0)
    throw new VitrineError(
      "config",
      `no class of transformers is this model, which has ${reasons.join(" and ")}: export it to timm or onnx`,
    )
  return format.tensors(config, weights)
}

/** The number of the head's outputs in a file, or undefined if there is no head. */
export function headOutputs({ tensors }: TensorNames): number | undefined {
  return tensors.find(({ name, shape }) => /^classifier\.(1\.)?weight$/.test(name) && shape.length === 2)?.shape[0]
}

/** Tensors that a file may also contain. Features and logits do not depend on them. */
const unusedTensors = /^(\w+\.)?(pooler\.dense\.(weight|bias)|embeddings\.mask_token|decoder\.0\.(weight|bias))$/

/**
 * The tensors for a model's parameters in a Hugging Face file. The file must contain no others.
 * @param modelType the `model_type` of `config.json`, with which names of tensors may begin
 * @throws VitrineError (file) with the missing, misshapen and unexpected tensors, by their names in the file
 */
export async function huggingFaceSources(
  header: TensorNames,
  config: ModelConfig,
  modelType: string,
  file: string,
): Promise<WeightSources> {
  const format = await formatOf(config)
  const sources = new Map(format.sources(header, config, modelType))
  const needed = sourceTensors(sources)
  const names = new Set(needed.map(({ name }) => name))
  const { unused = unusedTensors } = format.types.get(modelType) ?? {}
  const tensors = header.tensors.filter(({ name }) => names.has(name) || !unused.test(name))
  checkTensors({ tensors }, needed, file)
  return sources
}
