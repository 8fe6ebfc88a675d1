import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { goldenPath } from "@vitrine/golden"
import { zipSync } from "fflate"
import { hub, pythonIndex } from "./servers.mjs"

const model = ["--dim", "8", "--heads", "1", "--mlp-dim", "8"]
// Engines and data threads take most of a small training's time, and write nothing.
const saving = ["--checkpoint-every", "1", "--keep-last", "1", "--backend", "reference"]
const length = ["--batch-size", "4", "--steps", "4", "--eval-every", "2", "--val-fraction", "0.2"]

/**
 * The results of a run as text: weights, optimizer and metrics. It leaves out times, which differ from run to run.
 * @param {string} run
 */
function runOutcome(run) {
  const checkpoints = readdirSync(join(run, "checkpoints")).toSorted()
  const metrics = readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map(({ type, step, loss, top1, exact, ap }) => [type, step, loss, top1, exact, ap])
  const bytes = ["model.safetensors", ...checkpoints.map((name) => `checkpoints/${name}/training.safetensors`)].map(
    (file) => readFileSync(join(run, file)).toString("base64"),
  )
  return JSON.stringify([checkpoints, metrics, bytes])
}

/**
 * The files of a folder and their bytes, as text.
 * @param {string} folder
 */
function folderOutcome(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()
  const isFile = (file) => statSync(join(folder, file)).isFile()
  return JSON.stringify(
    files.map((file) => [file, isFile(file) ? readFileSync(join(folder, file)).toString("base64") : null]),
  )
}

/** A training of one task. After a fault it is resumed, or it starts again if nothing was written. */
const training = (name, args, workers = ["--workers", "0"]) => ({
  name: `train ${name}`,
  command: (out) => ["train", ...args, ...model, ...length, ...saving, ...workers, "--out", out],
  again: (out, isThere) => (isThere("config.json") ? ["train", "--resume", out, ...saving, ...workers] : null),
  outcome: runOutcome,
})

const setupScript = fileURLToPath(new URL("setup.mjs", import.meta.url))
const addon = fileURLToPath(new URL("addon.cjs", import.meta.url))
const wheelName = "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl"
const text = (content) => new TextEncoder().encode(content)

/**
 * Files, programs and servers for a setup that takes no time: a wheel, npm's package, and a compiler that writes its output.
 * @param {string} place
 */
async function setupPlace(place) {
  const wheel = zipSync({
    "tensorflow/libtensorflow_cc.so.2": text("library ".repeat(5000)),
    "tensorflow/libtensorflow_framework.so.2": text("framework ".repeat(5000)),
    "tensorflow/include/tensorflow/c/c_api.h": text("// header"),
  })
  const sources = join(place, "sources")
  mkdirSync(join(sources, "package"), { recursive: true })
  const manifest = { name: "@tensorflow/tfjs-node", version: "4.22.0", binary: { napi_versions: [8] } }
  writeFileSync(join(sources, "package", "package.json"), JSON.stringify(manifest))
  const archive = join(place, "sources.tgz")
  execFileSync("tar", ["-czf", archive, "-C", sources, "package"])
  const programs = join(place, "programs")
  mkdirSync(programs)
  const scripts = {
    npm: `cp ${archive} "$4/tensorflow-tfjs-node-4.22.0.tgz"`,
    compiler: 'while [ $# -gt 0 ]; do [ "$1" = "-o" ] && echo addon > "$2"; shift; done',
  }
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(programs, name), `#!/bin/sh\n${script}\nexit 0\n`)
    chmodSync(join(programs, name), 0o755)
  }
  const sha = (algorithm, bytes, form) => createHash(algorithm).update(bytes).digest(form)
  const pinned = { project: "tensorflow-cpu", name: wheelName, size: wheel.length, sha256: sha("sha256", wheel, "hex") }
  const files = { wheels: [pinned], sources: `sha512-${sha("sha512", readFileSync(archive), "base64")}` }
  const { address, close } = await pythonIndex(wheelName, wheel)
  const env = (out) => ({
    VITRINE_CACHE: out,
    PIP_INDEX_URL: `${address}/simple`,
    CXX: join(programs, "compiler"),
    PATH: programs + delimiter + process.env.PATH,
    NODE_OPTIONS: `--require=${addon}`,
  })
  return { env, close, files: JSON.stringify(files) }
}

/**
 * Commands that write. `command` writes `out`; after a fault `again` is run, or `command` where it gives null; then
 * `outcome` must be what it is without a fault. `open` makes what the command needs, and gives its environment.
 */
export const scenarios = [
  training("classify", ["--data", "classes", "--patch-size", "8", "--depth", "1"]),
  training(
    "detect",
    "--task detect --data boxes --image-size 32 --queries 3 --encoder-depth 1 --decoder-depth 1".split(" "),
  ),
  training("read", ["--task", "read", "--data", "lines", "--depth", "1"], []),
  {
    name: "export",
    command: (out) => ["export", goldenPath("vit-folder-tiny"), "--to", "onnx", "-o", out, "--force"],
    again: () => null,
    outcome: folderOutcome,
  },
  {
    name: "pull",
    open: async () => {
      const files = ["config.json", "model.safetensors"].map((name) => [
        name,
        readFileSync(join(goldenPath("vit-folder-tiny"), name)),
      ])
      const { address, close } = await hub(Object.fromEntries(files))
      const env = (out) => ({ HF_ENDPOINT: address, HF_HUB_CACHE: out, HF_HOME: out, HF_TOKEN: "", HF_HUB_OFFLINE: "" })
      return { env, close }
    },
    command: () => ["pull", "hf:owner/model"],
    again: () => null,
    outcome: folderOutcome,
  },
  {
    name: "setup",
    script: setupScript,
    open: setupPlace,
    command: (_, { files }) => [files],
    again: () => null,
    outcome: folderOutcome,
  },
]
