import type { TaskCommands } from "../task.ts"

export const detect: TaskCommands = {
  model: "a detector",
  models: "detectors",
  train: async () => (await import("./train.ts")).trainPart,
  eval: async () => (await import("./eval.ts")).evalPart,
  predict: async () => (await import("./predict.ts")).predictPart,
  inspect: async () => (await import("./inspect.ts")).inspectPart,
  export: async () => (await import("./export.ts")).exportPart,
  commands: {
    detect: {
      description: "Find objects in images: what they are, and where.",
      load: async () => (await import("./detect.ts")).detect,
    },
  },
}
