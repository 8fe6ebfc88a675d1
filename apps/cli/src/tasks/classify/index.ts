import type { TaskCommands } from "../task.ts"

export const classify: TaskCommands = {
  model: "an image classifier",
  models: "image classifiers",
  train: async () => (await import("./train.ts")).trainPart,
  eval: async () => (await import("./eval.ts")).evalPart,
  predict: async () => (await import("./predict.ts")).predictPart,
  inspect: async () => (await import("./inspect.ts")).inspectPart,
  export: async () => (await import("./export.ts")).exportPart,
}
