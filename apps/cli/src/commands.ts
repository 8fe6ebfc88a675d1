import type { CommandEntry } from "./command.ts"
import { tasks } from "./tasks/index.ts"

const taskCommands: Readonly<Record<string, CommandEntry>> = Object.fromEntries(
  Object.values(tasks).flatMap((task) => Object.entries(task.commands ?? {})),
)

/** The commands in the order of the help. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  train: {
    description: "Train a Vision Transformer, or a ResNet, on labelled images.",
    load: async () => (await import("./commands/train.ts")).train(),
  },
  eval: {
    description: "Measure a model on labelled images: accuracy, loss, each class, confusion; a detector: COCO's AP.",
    load: async () => (await import("./commands/eval.ts")).evaluation(),
  },
  predict: {
    description: "Say what images show.",
    load: async () => (await import("./commands/predict.ts")).predict(),
  },
  ...taskCommands,
  embed: {
    description: "Compute the features of images: what the model's head reads.",
    load: async () => (await import("./commands/embed.ts")).embed,
  },
  probe: {
    description:
      "Measure how well a model's frozen features tell classes, by classifiers that learn without training it.",
    load: async () => (await import("./commands/probe.ts")).probe,
  },
  data: {
    description: "Write images and labels as shards of Parquet or WebDataset, which train faster.",
    load: async () => (await import("./commands/data.ts")).data,
  },
  compare: {
    description: "Compare runs: accuracy, parameters, and operations of the model and of its training.",
    load: async () => (await import("./commands/compare.ts")).compare,
  },
  study: {
    description: "Train a grid over data size, family, seed and steps, and write its table and plots.",
    load: async () => (await import("./commands/study.ts")).study,
  },
  runs: {
    description: "List runs with their scores and sizes, and remove checkpoints that are not needed.",
    load: async () => (await import("./commands/runs.ts")).runs,
  },
  inspect: {
    description: "Look inside a model: draw what it has learned and where it looks, or give the values of any step.",
    load: async () => (await import("./commands/inspect.ts")).inspect(),
  },
  export: {
    description: "Write a model as timm, Hugging Face's transformers, or onnxruntime and transformers.js load it.",
    load: async () => (await import("./commands/export.ts")).exportCommand(),
  },
  weights: {
    description: "List what a safetensors, .npz or .npy file holds.",
    load: async () => (await import("./commands/weights.ts")).weights,
  },
  pull: {
    description: "Fetch a model of the Hugging Face hub and print its folder.",
    load: async () => (await import("./commands/pull.ts")).pull,
  },
  doctor: {
    description: "Say what this machine can run on, and what is missing.",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  setup: {
    description: "Build what a backend needs: TensorFlow's native library for Node.",
    load: async () => (await import("./commands/setup.ts")).setup,
  },
  bench: {
    description: "Measure the speed of a model on random data.",
    load: async () => (await import("./commands/bench.ts")).bench,
  },
  plan: {
    description: "Say what a training takes before it runs: parameters, operations, memory and time.",
    load: async () => (await import("./commands/plan.ts")).planCommand(),
  },
  demo: {
    description: "Train a small model on built-in drawings, evaluate it, and show what it predicts.",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
}
