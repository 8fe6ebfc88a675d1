import type { Command } from "commander"
import { addFlags, type Flags, type FlagValues, type Values } from "./flags/flag.ts"

/** Each argument in Commander's notation, such as `<image...>`, with its help. */
type Arguments = readonly (readonly [syntax: string, help: string])[]

type ArgumentValues<A extends Arguments> = {
  readonly [I in keyof A]: A[I] extends readonly [`${string}...${string}`, string] ? readonly string[] : string
}

type Example = readonly [command: string, result: string]

/** A command of `vitrine`. */
export interface CommandDefinition {
  readonly arguments?: Arguments
  readonly flags: Flags
  /** Flags that only some tasks accept. */
  readonly taskFlags?: Flags
  /** The first headings of the help, in their order. */
  readonly groups?: readonly string[]
  readonly examples: readonly Example[]
  /** The text of the help after the examples. */
  readonly notes?: () => string
  /**
   * Runs the command. It returns the exit code, or nothing for 0.
   * @param names the flags on the command line
   */
  run(values: readonly unknown[], flags: FlagValues, names: readonly string[]): Run
}

type Run = Promise<number | void>

/** An entry in the list of commands. The definition of a command is loaded when the command line names it. */
export interface CommandEntry {
  readonly description: string
  load(): Promise<CommandDefinition>
}

/** A `CommandDefinition` whose arguments and flags give the types of the parameters of `run`. */
interface TypedDefinition<A extends Arguments, F extends Flags>
  extends Omit<CommandDefinition, "arguments" | "flags" | "run"> {
  readonly arguments?: A
  readonly flags: F
  run(values: ArgumentValues<A>, flags: Values<F>, names: readonly string[]): Run
}

export function defineCommand<const A extends Arguments, const F extends Flags>(
  definition: TypedDefinition<A, F>,
): CommandDefinition {
  return definition
}

/** Adds arguments, flags, help and action to a Commander command. */
export function fillCommand(
  command: Command,
  { arguments: parameters = [], flags, taskFlags = {}, groups = [], examples, notes, run }: CommandDefinition,
  onExitCode: (code: number) => void,
): void {
  for (const [syntax, help] of parameters) command.argument(syntax, help)
  const rank = (group: string | undefined): number =>
    group !== undefined && groups.includes(group) ? groups.indexOf(group) : groups.length
  const all = Object.entries({ ...flags, ...taskFlags }).sort(([, a], [, b]) => rank(a.group) - rank(b.group))
  addFlags(command, Object.fromEntries(all))
  command.addHelpText("after", () => exampleText(examples) + (notes?.() ?? ""))
  command.action(async () => {
    const values = command.opts()
    const names = Object.keys(values).filter((name) => command.getOptionValueSource(name) === "cli")
    onExitCode((await run(command.processedArgs, values, names)) ?? 0)
  })
}

/** Commands and their results, as a block of the help. */
export function exampleText(lines: readonly Example[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  const rows = lines.map(([command, result]) => `  ${command.padEnd(width)}  ${result}`.trimEnd())
  return `\nExamples:\n${rows.join("\n")}\n`
}
