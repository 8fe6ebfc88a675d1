import type { TaskName } from "vitrine"
import { classify } from "./classify/index.ts"
import { detect } from "./detect/index.ts"
import { read } from "./read/index.ts"
import type { TaskCommands } from "./task.ts"

/** The tasks by their names. */
export const tasks: Readonly<Record<TaskName, TaskCommands>> = { classify, detect, read }
