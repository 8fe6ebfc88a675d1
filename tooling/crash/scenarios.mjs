import { readFileSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { goldenPath } from "@vitrine/golden"

const model = ["--dim", "16", "--heads", "2", "--mlp-dim", "16"]
const saving = ["--checkpoint-every", "1", "--keep-last", "1", "--threads", "1"]
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
const training = (name, args) => ({
  name: `train ${name}`,
  command: (out) => ["train", ...args, ...model, ...length, ...saving, "--out", out],
  again: (out, isThere) => (isThere("config.json") ? ["train", "--resume", out, ...saving] : null),
  outcome: runOutcome,
})

/**
 * Commands that write. `command` writes `out`; after a fault `again` is run, or `command` where it gives null; then
 * `outcome` must be what it is without a fault.
 */
export const scenarios = [
  training("classify", ["--data", "classes", "--patch-size", "4", "--depth", "1"]),
  training(
    "detect",
    "--task detect --data boxes --image-size 32 --queries 3 --encoder-depth 1 --decoder-depth 1".split(" "),
  ),
  training("read", ["--task", "read", "--data", "lines", "--depth", "1"]),
  {
    name: "export",
    command: (out) => ["export", goldenPath("vit-folder-tiny"), "--to", "onnx", "-o", out, "--force"],
    again: () => null,
    outcome: folderOutcome,
  },
]
