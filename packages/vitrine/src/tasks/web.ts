import type { TaskName } from "@vitrine/checkpoint"
import type { PageTask } from "./task.ts"

/** The tasks of pages by name. Each is fetched when it is needed. */
export const tasks: Readonly<Partial<Record<TaskName, () => Promise<PageTask>>>> = {
  classify: async () => (await import("./classify/web.ts")).classify,
  detect: async () => (await import("./detect/web.ts")).detect,
}
