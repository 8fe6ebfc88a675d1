import { UsageError } from "../errors.ts"
import { flagName, type Flags } from "../flags/flag.ts"
import { tasks } from "./index.ts"
import type { TaskCommands } from "./task.ts"

/** What a command does for each task. */
export interface Parts<P> {
  /** The flags that some tasks alone accept. */
  readonly flags: Flags
  /**
   * The part of a task.
   * @param names the flags of the command line
   * @param refusal what is said of a flag that other tasks accept and this one does not
   * @throws UsageError for such a flag
   */
  of(task: TaskCommands, names: readonly string[], refusal?: Refusal): P
}

type Refusal = (task: TaskCommands, acceptors: readonly TaskCommands[]) => string

/** Loads a command's part of every task. */
export async function partsOf<P extends { readonly flags: Flags }>(
  load: (task: TaskCommands) => Promise<P>,
): Promise<Parts<P>> {
  const rows: { readonly task: TaskCommands; readonly part: P }[] = []
  for (const task of Object.values(tasks)) rows.push({ task, part: await load(task) })
  return {
    flags: joined(rows.map(({ part }) => part.flags)),
    of(task, names, refusal = foreignToModel) {
      for (const name of names) {
        const acceptors = rows.filter(({ part }) => Object.hasOwn(part.flags, name)).map((row) => row.task)
        if (acceptors.length > 0 && !acceptors.includes(task))
          throw new UsageError(`${flagName(name)} ${refusal(task, acceptors)}`)
      }
      const row = rows.find((each) => each.task === task)
      if (row === undefined) throw new Error(`${task.models} are in no table of tasks`)
      return row.part
    },
  }
}

const foreignToModel: Refusal = (task, acceptors) =>
  `is for ${acceptors.map(({ models }) => models).join(" and ")}, and the model is ${task.model}`

/** Several tables as one. Tasks that accept the same flag share its declaration. */
function joined(tables: readonly Flags[]): Flags {
  const flags: Record<string, Flags[string]> = {}
  for (const [name, flag] of tables.flatMap((table) => Object.entries(table))) {
    if (flags[name] !== undefined && flags[name] !== flag) throw new Error(`two tasks declare ${flagName(name)}`)
    flags[name] = flag
  }
  return flags
}
