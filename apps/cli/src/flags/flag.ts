import { type Command, Option } from "commander"

/** A flag as plain data. Its key in a table is its name: `batchSize` is `--batch-size`. */
export interface Flag {
  /**
   * The value in the help, such as `<n>`. A flag without a value is a switch. A value that ends in `...>` consists of
   * several words.
   */
  readonly value?: string
  /** A short name, such as `-o`. */
  readonly alias?: string
  readonly help: string
  /** The flag's heading in the help. */
  readonly group?: string
  readonly choices?: readonly string[]
  readonly default?: unknown
  readonly required?: true
  /** Whether the flag is allowed with `--resume`. */
  readonly resumable?: true
  /**
   * Converts a word of the command line to the flag's value.
   * @param before the value so far if the flag is repeated
   * @throws InvalidArgumentError
   */
  parse?(text: string, before?: unknown): unknown
}

export type Flags = Readonly<Record<string, Flag>>

type Value<F> = F extends { readonly parse: (text: string, ...rest: never[]) => infer T }
  ? T
  : F extends { readonly choices: readonly (infer T)[] }
    ? T
    : F extends { readonly value: `${string}...>` }
      ? readonly string[]
      : F extends { readonly value: string }
        ? string
        : true

type Certain = { readonly required: true } | { readonly default: unknown }

/** The values of flags by name. A flag that is absent, not required and without default has no value. */
export type Values<F extends Flags> = {
  readonly [N in keyof F as F[N] extends Certain ? N : never]: Value<F[N]>
} & { readonly [N in keyof F as F[N] extends Certain ? never : N]?: Value<F[N]> }

/** The values of any flags. */
export type FlagValues = Readonly<Record<string, unknown>>

/** The name of a flag on the command line. */
export const flagName = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

export function addFlags(command: Command, flags: Flags): void {
  for (const [name, flag] of Object.entries(flags)) {
    const { value = "", alias, parse, choices, group } = flag
    const option = new Option(`${alias === undefined ? "" : `${alias}, `}${flagName(name)} ${value}`, flag.help)
    if (choices !== undefined) option.choices(choices)
    if (parse !== undefined) option.argParser(parse)
    if (flag.default !== undefined) option.default(flag.default)
    if (group !== undefined) option.helpGroup(group)
    command.addOption(option.makeOptionMandatory(flag.required === true))
  }
}
