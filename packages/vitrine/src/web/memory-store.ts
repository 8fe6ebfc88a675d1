import { readSafetensors, writeSafetensors } from "@vitrine/checkpoint"
import type { RunStore, SavedRun } from "@vitrine/trainer"

/** A run folder in memory: the newest checkpoint, and the best. */
export interface MemoryStore extends RunStore {
  /** Replaces `config.json`. */
  writeConfig(config: object): void
  /** `config.json`; null before a run has begun. */
  readonly config: unknown
  /** The newest checkpoint, after dropping the metrics of later steps; null if there is none. */
  resume(): SavedRun | null
  /**
   * The files of the run by their path: a folder that `load` takes, and that `vitrine train --resume` goes on with when
   * it lies on a disk. The model is the best one, or else the newest. They are the store's own memory.
   */
  files(): Record<string, Uint8Array<ArrayBuffer>>
}

interface Saved {
  readonly step: number
  readonly score: number | null
  readonly path: string
  readonly model: Uint8Array<ArrayBuffer>
  readonly training: Uint8Array<ArrayBuffer>
}

/** Keeps a training run in memory, in a page or for a test. */
export function memoryStore(): MemoryStore {
  let config: object | null = null
  let newest: Saved | undefined
  let best: Saved | undefined
  let metrics: { readonly step: number; readonly line: string }[] = []
  return {
    get config() {
      return config
    },
    writeConfig(given) {
      config = given
    },
    appendMetrics(event) {
      metrics.push({ step: event.step, line: `${JSON.stringify(event)}\n` })
    },
    async saveCheckpoint({ step, score, tensors, trainingTensors }) {
      const path = `checkpoints/step-${String(step).padStart(8, "0")}`
      const model = joined(writeSafetensors(tensors, { format: "pt" }))
      newest = { step, score, path, model, training: joined(writeSafetensors(trainingTensors)) }
      if (score !== null && !(best !== undefined && (best.score as number) >= score)) best = newest
      return { path }
    },
    resume() {
      if (newest === undefined) return null
      const { step, path, model, training } = newest
      metrics = metrics.filter((event) => event.step <= step)
      return {
        step,
        path,
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
      for (const { step, score, path, model, training } of new Set([best ?? newest, newest])) {
        files[`${path}/model.safetensors`] = model
        files[`${path}/training.safetensors`] = training
        files[`${path}/state.json`] = text(`${JSON.stringify({ step, score, state: null })}\n`)
      }
      return files
    },
  }
}

const text = (content: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(content)

/** The chunks of a file in memory of its own. */
function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let position = 0
  for (const chunk of chunks) {
    bytes.set(chunk, position)
    position += chunk.length
  }
  return bytes
}
