import { Option } from "commander"
import { integerValue } from "./values.ts"

export function backend(): Option {
  return new Option("--backend <name>", "what computes; auto takes the fastest that loads")
    .choices(["auto", "onnx", "onnx-web", "tfjs", "tfjs-cpu", "reference"])
    .default("auto")
}

export function threads(): Option {
  return new Option("--threads <n>", "threads of the backend; default: all cores").argParser(integerValue(1))
}

/** Commands and what they do, as a block of help. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  const shown = lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`.trimEnd())
  return `\nExamples:\n${shown.join("\n")}\n`
}
