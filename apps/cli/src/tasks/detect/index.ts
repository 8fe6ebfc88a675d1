import type { TaskCommands } from "../task.ts"

export const detect: TaskCommands = {
  model: "a detector",
  models: "detectors",
  train: async () => (await import("./train.ts")).train,
  eval: async () => (await import("./eval.ts")).evaluation,
  predict: async () => (await import("./predict.ts")).prediction,
  inspect: async () => (await import("./inspect.ts")).inspection,
  export: async () => (await import("./export.ts")).exportation,
  commands: {
    detect: {
      description: "Find objects in images: what they are, and where.",
      load: async () => (await import("./detect.ts")).detect,
    },
  },
}
