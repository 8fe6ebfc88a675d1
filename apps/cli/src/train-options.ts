import {
  type Activation,
  activationNames,
  type InitScheme,
  initSchemes,
  positionKinds,
  type ViTConfig,
} from "@vitrine/core"
import { type Command, Option } from "commander"
import { type Decay, decayNames, type OptimizerSpelling, optimizerSpellings } from "@vitrine/trainer"
import { addDetectionTraining, type DetectionFlags } from "./detect-options.ts"
import { refuse, UsageError } from "./errors.ts"
import { backend, type EngineFlags, examples, precision, threads } from "./options.ts"
import {
  countsValue,
  fractionValue,
  integerValue,
  namesValue,
  nonNegativeValue,
  poolValue,
  positiveOrOff,
  positiveValue,
  rangeValue,
  shareValue,
  sizeValue,
  unitValue,
} from "./values.ts"

export interface TrainFlags extends EngineFlags, DetectionFlags {
  readonly data?: string
  readonly from?: string
  readonly out?: string
  readonly resume?: string
  readonly recipe?: string
  readonly seed?: number
  readonly valFraction?: number
  readonly classes?: readonly string[]
  readonly perClass?: number
  readonly model?: string
  readonly imageSize?: readonly [number, number]
  readonly patchSize?: readonly [number, number]
  readonly dim?: number
  readonly depth?: number
  readonly heads?: number
  readonly mlpDim?: number
  readonly widths?: readonly number[]
  readonly depths?: readonly number[]
  readonly stemWidth?: number
  readonly groups?: number
  readonly pool?: "token" | "average" | "map"
  readonly positions?: ViTConfig["positions"]
  readonly activation?: Activation
  readonly dropout?: number
  readonly stochasticDepth?: number
  readonly init?: InitScheme
  readonly epochs?: number
  readonly steps?: number
  readonly batchSize?: number
  readonly accumulate?: number
  readonly lr?: number
  readonly schedule?: Decay
  readonly warmup?: number
  readonly optimizer?: OptimizerSpelling
  readonly weightDecay?: number
  readonly clip?: number | null
  readonly gradCheckpointing?: true
  readonly freeze?: readonly string[]
  readonly layerDecay?: number
  readonly ema?: number
  readonly task?: "classify" | "masked-patch" | "detect" | "read"
  readonly characters?: readonly [number, number]
  readonly distillFrom?: string
  readonly distillation?: "hard" | "soft"
  readonly distillationAlpha?: number
  readonly distillationTau?: number
  readonly labelSmoothing?: number
  readonly mixup?: number
  readonly cutmix?: number
  readonly backend: string
  readonly workers?: number
  readonly evalEvery?: number
  readonly checkpointEvery?: number
  readonly keepLast?: number
  readonly json?: true
}

/** Flags that a resumed run cannot be given, since its recipe is fixed. */
const fixedByRun: readonly (keyof TrainFlags)[] = [
  ...([
    "from",
    "out",
    "recipe",
    "seed",
    "valFraction",
    "classes",
    "perClass",
    "model",
    "imageSize",
    "patchSize",
    "dim",
    "depth",
    "widths",
    "depths",
    "stemWidth",
    "groups",
  ] as const),
  ...([
    "heads",
    "mlpDim",
    "pool",
    "positions",
    "activation",
    "dropout",
    "stochasticDepth",
    "init",
    "epochs",
    "steps",
  ] as const),
  ...([
    "batchSize",
    "accumulate",
    "lr",
    "schedule",
    "warmup",
    "optimizer",
    "weightDecay",
    "clip",
    "gradCheckpointing",
    "ema",
    "freeze",
    "layerDecay",
  ] as const),
  ...([
    "labelSmoothing",
    "mixup",
    "cutmix",
    "evalEvery",
    "task",
    "characters",
    "distillFrom",
    "distillation",
    "distillationAlpha",
    "distillationTau",
    "annotations",
    "queries",
    "encoderDepth",
    "decoderDepth",
  ] as const),
]

/** @throws UsageError for a flag that a resumed run cannot be given. */
export function checkResumed(flags: TrainFlags): void {
  refuse(flags, fixedByRun, "cannot change a run that is resumed: it goes on by its own recipe")
}

/** @throws UsageError for a run without data, or of two lengths. */
export function checkNew({ data, steps, epochs }: TrainFlags, needs: string): void {
  if (data === undefined) throw new UsageError(needs)
  if (steps !== undefined && epochs !== undefined) throw new UsageError("give --steps or --epochs, not both")
}

const run = "Run:"
const model = "Model (defaults suit the size of the images):"
const training = "Training:"
const machine = "Machine:"

export function addTrainOptions(command: Command): Command {
  const add = (
    group: string,
    flags: string,
    description: string,
    change = (option: Option): Option => option,
  ): void => {
    command.addOption(change(new Option(flags, description)).helpGroup(group))
  }
  const parsed =
    (parser: (text: string) => unknown) =>
    (option: Option): Option =>
      option.argParser(parser)
  const choices =
    (names: readonly string[]) =>
    (option: Option): Option =>
      option.choices(names)

  add(
    run,
    "--data <path>",
    'a folder with a folder of images for each class, an archive of one, IDX files, or "shapes"',
  )
  add(run, "--recipe <name>", "a built-in recipe, or a .ts, .js or .json file; flags override it")
  add(run, "--from <model>", "start from the weights of a run, a published model, or hf:owner/name")
  add(run, "-o, --out <folder>", "the run folder; default: runs/<data>-<n>")
  add(run, "--resume <run>", "go on with an interrupted run, by its own recipe and data")
  add(run, "--seed <n>", "decides everything random; default: 0", parsed(integerValue(0)))
  add(run, "--val-fraction <x>", "held out where the data have no validation set; default: 0.1", parsed(fractionValue))
  add(run, "--classes <a,b,…>", "train on some of the data's classes; default: all", parsed(namesValue))
  add(run, "--per-class <n>", "training images of each class, drawn by the seed; default: all", parsed(integerValue(1)))
  add(run, "--eval-every <steps>", "default: an epoch, at least a tenth of the run", parsed(integerValue(1)))
  add(run, "--checkpoint-every <steps>", "default: with each evaluation", parsed(integerValue(1)))
  add(run, "--keep-last <k>", "checkpoints to keep beside the best; default: 2", parsed(integerValue(1)))
  add(run, "--json", "stream every event as a line of JSON")

  add(
    model,
    "--model <variant>",
    "SIZE/PATCH, such as Ti/16: Ti, S, B, L, H, g, G; a hybrid, such as R+Ti/16; or a ResNet: R50x1, R101x3, R50x0.5, …",
  )
  add(
    model,
    "--image-size <n|HxW>",
    "default: --from's; or that of the data, and 224 if they are large",
    parsed(sizeValue),
  )
  add(model, "--patch-size <n|HxW>", "pixels", parsed(sizeValue))
  add(model, "--dim <n>", "width of the tokens", parsed(integerValue(1)))
  add(model, "--depth <n>", "blocks", parsed(integerValue(1)))
  add(model, "--num-heads, --heads <n>", "attention heads", parsed(integerValue(1)))
  add(model, "--mlp-dim <n>", "hidden width of the MLPs", parsed(integerValue(1)))
  add(model, "--widths <n,m,…>", "of a ResNet's stages; default: 256,512,1024,2048", parsed(countsValue))
  add(model, "--depths <n,m,…>", "blocks of a ResNet's stages; default: 3,4,6,3", parsed(countsValue))
  add(model, "--stem-width <n>", "of a ResNet's first convolution; default: 64", parsed(integerValue(1)))
  add(model, "--groups <n>", "of a ResNet's group norms; default: 32", parsed(integerValue(1)))
  add(model, "--global-pool, --pool <how>", "what the head reads: avg, token or map", parsed(poolValue))
  add(model, "--positions <how>", "position embedding", choices(positionKinds))
  add(model, "--act-layer, --activation <name>", "in the MLPs", choices(activationNames))
  add(model, "--dropout <rate>", "default: 0", parsed(fractionValue))
  add(model, "--stochastic-depth <rate>", "at the last block; default: 0", parsed(fractionValue))
  add(model, "--init <scheme>", "how parameters start; default: fan", choices(initSchemes))

  add(training, "--epochs <n>", "passes over the data; default: 10", parsed(positiveValue))
  add(training, "--steps <n>", "updates, instead of epochs", parsed(integerValue(1)))
  add(training, "--batch-size <n>", "default: 64", parsed(integerValue(1)))
  add(training, "--accumulate <n>", "batches an update; default: 1", parsed(integerValue(1)))
  add(training, "--lr <rate>", "base learning rate; default: 0.001", parsed(nonNegativeValue))
  add(training, "--schedule <decay>", "default: cosine; to detect: step", choices(decayNames))
  add(training, "--warmup <n>", "steps, or a fraction of all; default: 0.1", parsed(nonNegativeValue))
  add(training, "--optimizer <name>", "default: adamw", choices(optimizerSpellings))
  add(training, "--weight-decay <x>", "default: 0.05", parsed(nonNegativeValue))
  add(training, "--clip <norm|off>", "largest norm of the gradients; default: 1", parsed(positiveOrOff))
  add(
    training,
    "--grad-checkpointing",
    "compute blocks again for their gradients: less memory on webgpu, a third more time",
  )
  add(
    training,
    "--freeze <names>",
    'leave parameters as they are: "backbone" (all but the head), or names and prefixes such as patch_embed,blocks.0',
    parsed(namesValue),
  )
  add(training, "--layer-decay <x>", "each layer's rate is that of the next times this; default: 1", parsed(shareValue))
  add(training, "--ema <decay>", "average the parameters; default: no", parsed(fractionValue))
  add(
    training,
    "--task <name>",
    "default: classify; colours of masked patches, without labels; detect: objects and their boxes; read: lines of text",
    choices(["classify", "masked-patch", "detect", "read"]),
  )
  add(
    training,
    "--characters <n|a-b>",
    "to read: in rows made of images of characters; default: 1-5",
    parsed(rangeValue),
  )
  add(training, "--distill-from <model>", "learn from a teacher too: DeiT's distillation; as --from")
  add(
    training,
    "--distillation <kind>",
    "the teacher's decision, or its distribution; default: hard",
    choices(["hard", "soft"]),
  )
  add(training, "--distillation-alpha <x>", "what the teacher counts, 0 to 1; default: 0.5", parsed(unitValue))
  add(training, "--distillation-tau <x>", "temperature of soft distillation; default: 1", parsed(positiveValue))
  add(training, "--label-smoothing <x>", "default: 0", parsed(fractionValue))
  add(training, "--mixup <alpha>", "default: 0", parsed(nonNegativeValue))
  add(training, "--cutmix <alpha>", "default: 0", parsed(nonNegativeValue))

  addDetectionTraining(command)
  command.addOption(backend().helpGroup(machine))
  command.addOption(threads().helpGroup(machine))
  command.addOption(precision().helpGroup(machine))
  add(
    machine,
    "--workers <n>",
    "threads that prepare images; no influence on the result; default: 1",
    parsed(integerValue(0)),
  )

  return command.addHelpText("after", () => {
    const shown = examples(
      ["vitrine train --data flowers", "flowers/<class>/*.jpg"],
      ["vitrine train --data flowers --model Ti/16 --epochs 50 --mixup 0.2", ""],
      ["vitrine train --data flowers --model R50x1 --optimizer momentum --lr 0.03", "a ResNet of BiT's"],
      ["vitrine train --data fashion-mnist --recipe fashion-mnist-quick", ""],
      ["vitrine train --data flowers --recipe my-recipe.ts --lr 0.0005", ""],
      ["vitrine train --data flowers --from runs/plants-1 --image-size 48", "other classes, and larger images"],
      ["vitrine train --data flowers --from vit_base --recipe fine-tune", "AdamW, rates by layer"],
      ["vitrine train --data flowers --from vit_base --freeze backbone --optimizer momentum", "the head alone"],
      ["vitrine train --data flowers --model Ti/16 --distill-from runs/flowers-large", "from a teacher"],
      ["vitrine train --data photos --task masked-patch", "without labels; then --from its run"],
      ["vitrine train --task detect --data scenes", "DETR; or a folder with COCO's or Pascal VOC's annotations"],
      ["vitrine train --task read --data mnist", "rows of digits into text"],
      ["vitrine train --task read --data lines", "lines/labels.tsv: a file, a tab and its text on each line"],
      ["vitrine train --resume runs/flowers-1", "after Ctrl-C, or a crash"],
    )
    return `${shown}\nBuilt-in recipes: shapes, fashion-mnist-quick, fashion-mnist-mid, fashion-mnist-crops,\nmnist, mnist-rows, cifar10, few-shot, fine-tune, fine-tune-paper, bit-hyperrule,\npretrain-paper, labml-cifar10, masked-patch, deit.\nCtrl-C ends the step, saves, says how to resume and exits with 130; a second one ends at once.`
  })
}
