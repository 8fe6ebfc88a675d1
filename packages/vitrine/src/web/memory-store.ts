import { bestCheckpoint, type CheckpointScore, parseJson, readSafetensors, writeSafetensors } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { concatenated } from "@vitrine/data/internal"
import type { RunStore, SavedRun } from "@vitrine/trainer"

/** A run folder in memory, with the newest checkpoint and the best one. */
export interface MemoryStore extends RunStore {
  /** Replaces `config.json`. */
  writeConfig(config: object): void
  /** The content of `config.json`, or null before a run has begun. */
  readonly config: unknown
  /** The newest checkpoint, or null. Metrics of later steps are dropped. */
  resume(): SavedRun | null
  /**
   * The files of the run by their paths. They share the store's memory. `load` accepts them, and `vitrine train
   * --resume` does once they are on disk. The model is the best one, or else the newest.
   */
  files(): Record<string, Uint8Array<ArrayBuffer>>
}

interface StoredCheckpoint extends CheckpointScore {
  readonly step: number
  readonly path: string
  readonly model: Uint8Array<ArrayBuffer>
  readonly training: Uint8Array<ArrayBuffer>
  readonly state: unknown
}

/**
 * Keeps a training run in memory, in a page or for a test.
 * @param files a run to continue: the files of a run folder by their paths within it, from `files` or from a disk
 * @throws VitrineError (file) for a folder without a run, or with broken files
 */
export function memoryStore(files?: Readonly<Record<string, Uint8Array>>): MemoryStore {
  const opened = files === undefined ? undefined : openRun(files)
  let config: object | null = opened?.config ?? null
  let newest = opened?.checkpoints.at(-1)
  let best = opened && bestCheckpoint(opened.checkpoints)
  let metrics = opened?.metrics ?? []
  return {
    get config() {
      return config
    },
    writeConfig(json) {
      config = json
    },
    appendMetrics(event) {
      metrics.push({ step: event.step, line: `${JSON.stringify(event)}\n` })
    },
    async saveCheckpoint({ step, score, loss, tensors, trainingTensors, state }) {
      const path = `checkpoints/step-${String(step).padStart(8, "0")}`
      const model = concatenated(writeSafetensors(tensors, { format: "pt" }))
      newest = { step, score, loss, path, model, training: concatenated(writeSafetensors(trainingTensors)), state }
      best = bestCheckpoint(best === undefined ? [newest] : [best, newest])
      return { path }
    },
    resume() {
      if (newest === undefined) return null
      const { step, path, model, training, state } = newest
      metrics = metrics.filter((event) => event.step <= step)
      return {
        step,
        path,
        state,
        tensors: readSafetensors(model, `${path}/model.safetensors`).tensors,
        trainingTensors: readSafetensors(training, `${path}/training.safetensors`).tensors,
      }
    },
    files() {
      const files: Record<string, Uint8Array<ArrayBuffer>> = {}
      if (config !== null) files["config.json"] = text(`${JSON.stringify(config, null, 2)}\n`)
      if (newest === undefined) return files
      files["model.safetensors"] = (best ?? newest).model
      files["metrics.jsonl"] = text(metrics.map(({ line }) => line).join(""))
      for (const { step, score, loss, path, model, training, state } of new Set([best ?? newest, newest])) {
        files[`${path}/model.safetensors`] = model
        files[`${path}/training.safetensors`] = training
        files[`${path}/state.json`] = text(`${JSON.stringify({ step, score, loss, state })}\n`)
      }
      return files
    },
  }
}

interface OpenedRun {
  readonly config: object
  /** The checkpoints in the order of their steps. */
  readonly checkpoints: readonly StoredCheckpoint[]
  readonly metrics: { readonly step: number; readonly line: string }[]
}

function openRun(files: Readonly<Record<string, Uint8Array>>): OpenedRun {
  const configFile = files["config.json"]
  if (configFile === undefined) throw new VitrineError("file", "the folder has no config.json: it holds no run")
  const config = parseJson(configFile, "config.json")
  if (typeof config !== "object" || config === null) throw new VitrineError("file", "config.json: is no object")
  const checkpoints = Object.keys(files).flatMap((file): StoredCheckpoint[] => {
    const [, path] = /^(checkpoints\/step-\d+)\/state\.json$/.exec(file) ?? []
    const { [file]: state, [`${path}/model.safetensors`]: model, [`${path}/training.safetensors`]: training } = files
    // A checkpoint without all three files was not yet complete, or partly deleted.
    if (path === undefined || state === undefined || model === undefined || training === undefined) return []
    const json: { step?: unknown; score?: unknown; loss?: unknown; state?: unknown } = Object(parseJson(state, file))
    const { step, score, loss } = json
    if (typeof step !== "number") throw new VitrineError("file", `${file}: has no step`)
    const copy = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
    return [
      {
        step,
        score: numberOrNull(score),
        loss: numberOrNull(loss),
        path,
        model: copy(model),
        training: copy(training),
        state: json.state ?? null,
      },
    ]
  })
  return {
    config,
    checkpoints: checkpoints.sort((a, b) => a.step - b.step),
    metrics: metricsOf(files["metrics.jsonl"]),
  }
}

/** The events, one for each line. Lines that a kill has cut are left out. */
function metricsOf(file: Uint8Array | undefined): { step: number; line: string }[] {
  const lines = file === undefined ? [] : new TextDecoder().decode(file).split("\n")
  return lines.flatMap((line) => {
    try {
      const { step }: { step?: unknown } = JSON.parse(line)
      return typeof step === "number" ? [{ step, line: `${line}\n` }] : []
    } catch {
      return []
    }
  })
}

const numberOrNull = (value: unknown): number | null => (typeof value === "number" ? value : null)

const text = (content: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(content)
