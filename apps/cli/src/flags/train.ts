import { activationNames } from "@vitrine/core"
import { decayNames, optimizerSpellings } from "@vitrine/trainer"
import type { Flags, Values } from "./flag.ts"
import { machineFlags } from "./machine.ts"
import {
  bytesValue,
  fractionValue,
  integerValue,
  namesValue,
  nonNegativeValue,
  numbersValue,
  positiveOrOff,
  positivesValue,
  positiveValue,
  sizeValue,
} from "./values.ts"

/** Headings of the help. */
export const groups = {
  run: "Run:",
  model: "Model (defaults suit the size of the images):",
  training: "Training:",
} as const
const { run, model, training } = groups

/** The flags of `train` that every task accepts. */
export const trainFlags = {
  data: {
    group: run,
    value: "<path>",
    help: 'a folder with a folder of images for each class or a table of labels, a .zip or .tar of one, a table, Parquet, WebDataset, hf:datasets/owner/name, an .npz, IDX files, or "shapes"',
    resumable: true,
  },
  recipe: { group: run, value: "<name>", help: "a built-in recipe, or a .ts, .js or .json file; flags override it" },
  out: { group: run, alias: "-o", value: "<folder>", help: "the run folder; default: runs/<data>-<n>" },
  resume: {
    group: run,
    value: "<run>",
    help: 'go on with an interrupted run, by its own recipe and data; "auto": with that of --out, or begin it',
    resumable: true,
  },
  takeOver: {
    group: run,
    help: "with --resume: though another process may write the run, such as one of a container that is gone",
    resumable: true,
  },
  ranks: {
    group: run,
    value: "<n>",
    help: "processes on this machine that share each step's micro-batches, by mpirun; or start the command by mpirun or srun",
    parse: integerValue(1),
    resumable: true,
  },
  seed: { group: run, value: "<n>", help: "decides everything random; default: 0", parse: integerValue(0) },
  valFraction: {
    group: run,
    value: "<x>",
    help: "held out where the data have no validation set; default: 0.1, or 0 beside a test set",
    parse: fractionValue,
  },
  evalEvery: {
    group: run,
    value: "<steps>",
    help: "default: an epoch, at least a tenth of the run",
    parse: integerValue(1),
  },
  checkpointEvery: {
    group: run,
    value: "<steps>",
    help: "default: with each evaluation",
    parse: integerValue(1),
    resumable: true,
  },
  keepLast: {
    group: run,
    value: "<k>",
    help: "checkpoints to keep beside the best; default: 2",
    parse: integerValue(1),
    resumable: true,
  },
  json: { group: run, help: "stream every event as a line of JSON", resumable: true },
  epochs: {
    group: training,
    value: "<n>",
    help: "passes over the data, of a run that is resumed in all; default: 10, and at least 100 steps; 1500 on few images",
    resumable: true,
    parse: positiveValue,
  },
  steps: {
    group: training,
    value: "<n>",
    help: "updates, instead of epochs; of a run that is resumed in all",
    parse: integerValue(1),
    resumable: true,
  },
  batchSize: { group: training, value: "<n>", help: "examples an update; default: 64", parse: integerValue(1) },
  microBatches: {
    group: training,
    value: "<n>",
    help: "parts into which a batch is cut: less memory for the same update; default: 1",
    parse: integerValue(1),
  },
  accumulate: {
    group: training,
    value: "<n>",
    help: "older spelling: batches an update, instead of --micro-batches",
    parse: integerValue(1),
  },
  lr: { group: training, value: "<rate>", help: "base learning rate; default: 0.001", parse: nonNegativeValue },
  schedule: {
    group: training,
    value: "<decay>",
    help: "default: cosine; to detect: step",
    choices: decayNames,
  },
  warmup: {
    group: training,
    value: "<n>",
    help: "steps, or a fraction of all; default: 0.1",
    parse: nonNegativeValue,
  },
  optimizer: {
    group: training,
    value: "<name>",
    help: "default: adamw",
    choices: optimizerSpellings,
  },
  weightDecay: { group: training, value: "<x>", help: "default: 0.05", parse: nonNegativeValue },
  clip: {
    group: training,
    value: "<norm|off>",
    help: "largest norm of the gradients; default: 1",
    parse: positiveOrOff,
  },
  gradCheckpointing: {
    group: training,
    help: "compute blocks again for their gradients: less memory on webgpu, a third more time",
  },
  freeze: {
    group: training,
    value: "<names>",
    help: 'leave parameters as they are: "backbone" (all but the head), or names and prefixes such as patch_embed,blocks.0',
    parse: namesValue,
  },
  memory: {
    group: "Machine:",
    value: "<bytes>",
    help: "what the run may take, such as 8GB; one that is planned to take more does not begin; default: the machine's",
    parse: bytesValue,
    resumable: true,
  },
  ...machineFlags,
} as const satisfies Flags

/** The flags of `train` that several tasks accept. */
export const modelFlags = {
  from: {
    group: run,
    value: "<model>",
    help: "start from the weights of a run, a published model, hf:owner/name, or vitrine:cifar10-hybrid",
  },
  imageSize: {
    group: model,
    value: "<n|HxW>",
    help: "default: --from's; or that of the data, and 224 if they are large",
    parse: sizeValue,
  },
  patchSize: { group: model, value: "<n|HxW>", help: "pixels", parse: sizeValue },
  dim: { group: model, value: "<n>", help: "width of the tokens", parse: integerValue(1) },
  depth: { group: model, value: "<n>", help: "blocks", parse: integerValue(1) },
  heads: { group: model, alias: "--num-heads", value: "<n>", help: "attention heads", parse: integerValue(1) },
  mlpDim: { group: model, value: "<n>", help: "hidden width of the MLPs", parse: integerValue(1) },
  activation: {
    group: model,
    alias: "--act-layer",
    value: "<name>",
    help: "in the MLPs",
    choices: activationNames,
  },
  mean: {
    group: model,
    value: "<r,g,b>",
    help: "of pixels in [0, 1]; default: --from's, or that of the data",
    parse: numbersValue,
  },
  std: {
    group: model,
    value: "<r,g,b>",
    help: "of pixels in [0, 1]; default: --from's, or that of the data",
    parse: positivesValue,
  },
  dropout: { group: model, value: "<rate>", help: "default: 0", parse: fractionValue },
  ema: { group: training, value: "<decay>", help: "average the parameters; default: no", parse: fractionValue },
  labelSmoothing: { group: training, value: "<x>", help: "default: 0", parse: fractionValue },
  workers: {
    group: "Machine:",
    value: "<n>",
    help: "threads that prepare images; no influence on the result; default: 1",
    parse: integerValue(0),
    resumable: true,
  },
} as const satisfies Flags

export type TrainValues = Values<typeof trainFlags>
