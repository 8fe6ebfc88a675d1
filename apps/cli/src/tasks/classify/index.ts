import type { TaskCommands } from "../task.ts"

export const classify: TaskCommands = {
  model: "an image classifier",
  models: "image classifiers",
  train: async () => (await import("./train.ts")).train,
  eval: async () => (await import("./eval.ts")).evaluation,
  predict: async () => (await import("./predict.ts")).prediction,
  inspect: async () => (await import("./inspect.ts")).inspection,
  export: async () => (await import("./export.ts")).exportation,
}
