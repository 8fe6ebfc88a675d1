import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { Binding, TensorInfo } from "./binding.ts"
import { type NodeDef, savedModel, tag } from "./graph-def.ts"

/** A node that receives a value, and the number of the tensor with that value. */
export type Feed = readonly [node: string, id: number]

/** A graph that TensorFlow has optimized and placed on devices, with the memory of its variables. */
export interface Session {
  /** Feeds some nodes and fetches the outputs of others. The caller frees the tensors of both. */
  run(feeds: readonly Feed[], fetches: readonly string[]): TensorInfo[]
  close(): void
}

/**
 * Loads a graph into TensorFlow. The addon reads graphs only as a SavedModel on disk, so the function writes one and
 * removes it again.
 * @throws VitrineError (backend) if TensorFlow refuses the graph.
 */
export function openSession(binding: Binding, nodes: readonly NodeDef[]): Session {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-graph-"))
  let id: number
  try {
    writeFileSync(join(folder, "saved_model.pb"), savedModel(nodes))
    id = binding.loadSavedModel(folder, tag)
  } catch (error) {
    throw tensorFlowError(error)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    run: (feeds, fetches) => {
      try {
        return binding.runSavedModel(
          id,
          feeds.map(([, tensor]) => tensor),
          feeds.map(([node]) => node).join(","),
          fetches.join(","),
        )
      } catch (error) {
        throw tensorFlowError(error)
      }
    },
    close: () => binding.deleteSavedModel(id),
  }
}

function tensorFlowError(error: unknown): VitrineError {
  const [line] = (error instanceof Error ? error.message : String(error)).split("\n")
  return new VitrineError("backend", `TensorFlow: ${line}`)
}
