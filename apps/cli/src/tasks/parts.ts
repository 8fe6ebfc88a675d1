import { UsageError } from "../errors.ts"
import { flagName, type Flags } from "../flags/flag.ts"
import { tasks } from "./index.ts"
import type { TaskCommands } from "./task.ts"

/** A task with its part of a command. */
interface Row<P> {
  readonly task: TaskCommands
  readonly part: P
}

/** The parts of a command, one for each task. */
export interface Parts<P> {
  readonly rows: readonly Row<P>[]
  /** The flags that only some tasks accept. */
  readonly flags: Flags
  /**
   * The part of a task.
   * @param names the flags on the command line
   * @param refusal gives the reason for refusing a flag
   * @throws UsageError for a flag that only other tasks accept
   */
  of(task: TaskCommands, names: readonly string[], refusal?: Refusal<P>): P
}

type Refusal<P> = (row: Row<P>, acceptors: readonly Row<P>[]) => string

/** Loads the part of a command for every task. */
export async function partsOf<P extends { readonly flags: Flags }>(
  load: (task: TaskCommands) => Promise<P>,
): Promise<Parts<P>> {
  const rows: Row<P>[] = []
  for (const task of Object.values(tasks)) rows.push({ task, part: await load(task) })
  return {
    rows,
    flags: merge(rows.map(({ part }) => part.flags)),
    of(task, names, refusal = foreignToModel) {
      const row = rows.find((each) => each.task === task)
      if (row === undefined) throw new Error(`${task.models} are in no table of tasks`)
      for (const name of names) {
        const acceptors = rows.filter(({ part }) => Object.hasOwn(part.flags, name))
        if (acceptors.length > 0 && !acceptors.includes(row))
          throw new UsageError(`${flagName(name)} ${refusal(row, acceptors)}`)
      }
      return row.part
    },
  }
}

function foreignToModel({ task }: Row<unknown>, acceptors: readonly Row<unknown>[]): string {
  return `is for ${acceptors.map((row) => row.task.models).join(" and ")}, and the model is ${task.model}`
}

/** Joins tables of flags. Tasks that accept the same flag share its declaration. */
function merge(tables: readonly Flags[]): Flags {
  const flags: Record<string, Flags[string]> = {}
  for (const [name, flag] of tables.flatMap((table) => Object.entries(table))) {
    if (flags[name] !== undefined && flags[name] !== flag) throw new Error(`two tasks declare ${flagName(name)}`)
    flags[name] = flag
  }
  return flags
}
