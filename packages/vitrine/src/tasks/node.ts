import type { TaskName } from "@vitrine/checkpoint"
import type { Task } from "./task.ts"

/** The tasks by name. Each is loaded when it is needed. */
export const tasks: Readonly<Record<TaskName, () => Promise<Task>>> = {
  classify: async () => (await import("./classify/node.ts")).classify,
  detect: async () => (await import("./detect/node.ts")).detect,
  read: async () => (await import("./read/node.ts")).read,
}
