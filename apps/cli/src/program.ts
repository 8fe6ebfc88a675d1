import { createRequire } from "node:module"
import { Command } from "commander"
import { exampleText, fillCommand } from "./command.ts"
import { commands } from "./commands.ts"
import { complain, withHelp } from "./errors.ts"
import { currentIo } from "./output.ts"

const exitCodes = "\nExit codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted."

/** The command line. It loads only commands that `words` names, so that each command starts fast. */
export async function program(words: readonly string[]): Promise<{ cli: Command; exitCode: () => number }> {
  const { version }: { version: string } = createRequire(import.meta.url)("@vitrine/cli/package.json")
  const { stdout, stderr } = currentIo()
  let exitCode = 0
  const cli = new Command("vitrine")
    .description("Vision Transformers: train, evaluate, predict, look inside.")
    .version(version, "-V, --version")
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 80,
      getErrHelpWidth: () => stderr.columns ?? 80,
      outputError: (text) => complain(usage(text)),
    })
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .helpCommand(true)
    .addHelpText(
      "after",
      exampleText([
        ["vitrine demo", "train on built-in drawings, evaluate, predict: a minute or two"],
        ["vitrine train --data flowers", "train on flowers/<class>/*.jpg"],
        ["vitrine predict --model runs/flowers-1 tulip.jpg", "ask the model"],
        ["vitrine inspect runs/flowers-1 tulip.jpg", "draw where it looks, and what it has learned"],
        ["vitrine export runs/flowers-1 --to onnx", "for onnxruntime and transformers.js"],
        ["vitrine doctor", "what this machine can run on"],
      ]) + exitCodes,
    )
  for (const [name, { description, load }] of Object.entries(commands)) {
    const command = cli.command(name).description(description)
    command.configureOutput({ outputError: (text) => complain(usage(text, command)) })
    if (words.includes(name)) fillCommand(command, await load(), (code) => (exitCode = code))
  }
  return { cli, exitCode: () => exitCode }
}

/** Names of flags in other programs, and what they are called here. */
const otherNames: Readonly<Record<string, string>> = {
  "--learning-rate": "--lr",
  "--batch": "--batch-size",
  "--bs": "--batch-size",
  "--device": "--backend",
  "--gpu": "--backend",
  "--dataset": "--data",
  "--data-dir": "--data",
  "--output": "--out",
  "--output-dir": "--out",
  "--pretrained": "--from",
  "--weights": "--from",
  "--num-workers": "--workers",
  "--wd": "--weight-decay",
  "--img-size": "--image-size",
  "--smoothing": "--label-smoothing",
  "--ckpt": "--checkpoint",
}

/** Commander's message as one line. It says what an option of other programs is called here, if the command has it. */
function usage(text: string, command?: Command): string {
  const message = text.trim().replace(/^error: /, "")
  const [, option = ""] = /^unknown option '(--[^'=]+)/.exec(message) ?? []
  const name = Object.hasOwn(otherNames, option) ? otherNames[option] : undefined
  const has = command?.options.some(({ long }) => long === name) === true
  const better = has ? `${message.replace(/\s*\(Did you mean [^)]*\)$/, "")} (it is called ${name} here)` : message
  return withHelp(better.replaceAll(/\s*\n\s*/g, " "), command?.name())
}
