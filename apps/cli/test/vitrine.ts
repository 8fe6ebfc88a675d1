import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { afterAll, expect } from "vitest"
import { swiftShaderEnvironment, useSwiftShader } from "../../../tooling/browser/swiftshader.mjs"
import { main } from "../dist/main.js"

/** What a process of its own needs to find a GPU that the CPU emulates, or undefined where there is none. */
export const emulated: Readonly<Record<string, string>> | undefined = swiftShaderEnvironment()

let shader: boolean | undefined

/** Lets WebGPU find such a GPU in this process. Gives why it cannot. */
export function missingShader(): string | undefined {
  shader ??= useSwiftShader()
  return shader ? undefined : "no SwiftShader: install Chromium, which brings it"
}

// What the test runner and npm tell their own processes would change what the command prints.
for (const name of ["FORCE_COLOR", "npm_command"]) delete process.env[name]

const bin = fileURLToPath(new URL("../bin/vitrine.js", import.meta.url))
export const golden: string = fileURLToPath(new URL("../../../tooling/golden/files/vit-folder-tiny", import.meta.url))

/**
 * Run before the command: at its end it tells the most memory that its process had, in KiB. Not what getrusage says,
 * which begins with that of the process that started it.
 */
const tellPeak = `
import { readFileSync, writeSync } from "node:fs"
import { isMainThread } from "node:worker_threads"
if (isMainThread && process.platform === "linux")
  process.on("exit", () => writeSync(3, /VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]))
`

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** The most memory that the command took, in MiB; 0 where that cannot be known. */
  readonly peak: number
}

export interface ProcessResult extends Result {
  readonly signal: NodeJS.Signals | null
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface ProcessOptions extends RunOptions {
  /** Called with each piece of output, to act on the process. */
  readonly watch?: (child: ChildProcess, stdout: string) => void
}

/** Runs the built command in this process. One at a time: a command has the working directory and the environment. */
export async function vitrine(args: readonly string[], { cwd, env = {} }: RunOptions = {}): Promise<Result> {
  const output = { stdout: "", stderr: "" }
  const stream = (name: "stdout" | "stderr") => ({ write: (text: string) => void (output[name] += text) })
  const before = { cwd: process.cwd(), env: { ...process.env } }
  Object.assign(process.env, env)
  if (cwd !== undefined) process.chdir(cwd)
  const memory = watchMemory()
  try {
    const code = await main(args, {
      stdout: stream("stdout"),
      stderr: stream("stderr"),
      exit: (code) => {
        throw new Error(`the command ends the process with ${code}`)
      },
      whenReaderLeaves: () => {},
    })
    return { code, ...output, peak: memory() }
  } finally {
    process.chdir(before.cwd)
    for (const name of Object.keys(env)) {
      if (before.env[name] === undefined) delete process.env[name]
      else process.env[name] = before.env[name]
    }
  }
}

/** Gives by how many MiB this process has grown at the most since. Linux alone tells. */
function watchMemory(): () => number {
  const reset = "/proc/self/clear_refs"
  if (!existsSync(reset)) return () => 0
  writeFileSync(reset, "5")
  const read = (): number => Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024
  const before = read()
  return () => read() - before
}

/** A copy of a run folder whose weights are no numbers. */
export function withoutNumbers(run: string, path: string): string {
  mkdirSync(path)
  writeFileSync(join(path, "config.json"), readFileSync(join(run, "config.json")))
  const weights = readFileSync(join(run, "model.safetensors"))
  writeFileSync(join(path, "model.safetensors"), weights.fill(0xff, 8 + Number(weights.readBigUInt64LE(0))))
  return path
}

/** Runs the built command in a process of its own, as a shell would. */
export function vitrineProcess(
  args: readonly string[],
  { cwd, env, watch }: ProcessOptions = {},
): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    // What the test runner tells its own processes would change how the command behaves. NODE_OPTIONS stay: bytes are
    // compared with those of this process, and so must be computed by as many threads.
    const { NODE_OPTIONS: options = "", VITEST: _, NODE_ENV: __, ...own } = process.env
    const child = spawn(process.execPath, [bin, ...args], {
      cwd,
      env: { ...own, NODE_OPTIONS: `${options} --import=data:text/javascript,${encodeURIComponent(tellPeak)}`, ...env },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    })
    let peak = ""
    child.stdio[3]?.on("data", (text) => (peak += text))
    let stdout = ""
    let stderr = ""
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      watch?.(child, stdout)
    })
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text))
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr, peak: Number(peak) / 1024 }))
    watch?.(child, "")
  })
}

/** One line, of ours, without a stack. */
export function expectFault({ code, stdout, stderr }: Result, fault: RegExp, exit = 1): void {
  expect(stderr).toMatch(fault)
  expect(stderr.trimEnd().split("\n")).toHaveLength(1)
  expect(stderr).toMatch(/^vitrine: /)
  expect(stderr).not.toMatch(/unexpected error|\n\s+at |\x1b/)
  expect(code).toBe(exit)
  expect(stdout).toBe("")
}

const withJson = (command: readonly string[]): string[] => [...command, ...(command[0] === "train" ? ["--json"] : [])]

/** One line about the file, after little work, with little memory, and nothing else. */
export async function refused(command: readonly string[], fault: RegExp): Promise<void> {
  const before = process.cpuUsage()
  const result = await vitrine(withJson(command))
  expectFault(result, fault)
  // The time of the processor, which other programs do not lengthen.
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1e6).toBeLessThan(5)
  expect(result.peak).toBeLessThan(200)
}

/** The same of a process of its own, with all the memory that it had. */
export async function processRefused(command: readonly string[], fault: RegExp): Promise<void> {
  const begun = performance.now()
  const result = await vitrineProcess(withJson(command))
  expectFault(result, fault)
  expect(performance.now() - begun).toBeLessThan(20_000)
  expect(result.peak).toBeLessThan(300)
}

/** A folder that is deleted after the tests of a file. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "vitrine-cli-"))
  afterAll(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The bytes of an IDX file. */
export function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.set([0, 0, 8, shape.length])
  shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i))
  return Buffer.concat([header, data])
}

/** Small images of three classes, told apart by where they are bright, as MNIST's four files. */
export function tinyData(folder: string, { train = 96, validation = 30, side = 8 } = {}): string {
  mkdirSync(folder, { recursive: true })
  for (const [split, count] of [
    ["train", train],
    ["val", validation],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 3)
    const images = Uint8Array.from({ length: count * side ** 2 }, (_, at) => {
      const [image, row] = [Math.floor(at / side ** 2), Math.floor((at % side ** 2) / side)]
      const noise = (at * 2654435761) % 97
      return noise + (Math.floor((3 * row) / side) === (labels[image] as number) ? 120 : 0)
    })
    writeFileSync(join(folder, `${split}-images-idx3-ubyte.gz`), gzipSync(idx([count, side, side], images)))
    writeFileSync(join(folder, `${split}-labels-idx1-ubyte.gz`), gzipSync(idx([count], labels)))
  }
  return folder
}

/** A model and a recipe that train in no time. */
export const tinyModel: readonly string[] =
  "--patch-size 4 --dim 16 --depth 1 --heads 2 --batch-size 8 --lr 0.01 --threads 1 --workers 0".split(" ")
