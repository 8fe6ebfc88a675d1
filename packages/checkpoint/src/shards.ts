/**
 * Weights in several files, as transformers writes large models. `model.safetensors.index.json` lists the file of each
 * tensor. https://huggingface.co/docs/safetensors/metadata_parsing
 */
import { fileError, shown } from "./errors.ts"
import { isObject } from "./json.ts"
import { faultsOf } from "./tensors.ts"
import type { Weights } from "./weights.ts"

export const shardIndex = "model.safetensors.index.json"

const mostShards = 1000

/**
 * The files of an index, with the names of their tensors.
 * @param file the index in errors
 * @throws VitrineError (file) for an index in another format, and for files that are not beside it
 */
export function parseShardIndex(json: unknown, file: string): ReadonlyMap<string, readonly string[]> {
  const map = isObject(json) ? json.weight_map : undefined
  if (!isObject(map)) throw fileError(file, `weight_map must be an object, got ${shown(map)}`)
  const shards = new Map<string, string[]>()
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== "string" || !/^[\w-][\w.-]{0,199}\.safetensors$/.test(shard))
      throw fileError(file, `tensor ${shown(tensor)} lies in ${shown(shard)}, which is no file beside the index`)
    const names = shards.get(shard) ?? []
    if (names.length === 0) shards.set(shard, names)
    names.push(tensor)
  }
  if (shards.size === 0 || shards.size > mostShards)
    throw fileError(file, `has ${shards.size} files of weights; 1 to ${mostShards} are read`)
  return shards
}

/**
 * Opens all files of an index as one.
 * @param open opens the weights of a file, and returns its name for errors
 * @throws VitrineError (file) for files whose tensors are not exactly those of the index
 */
export async function openShards(
  shards: ReadonlyMap<string, readonly string[]>,
  open: (file: string) => Promise<{ readonly weights: Weights; readonly name: string }>,
): Promise<Weights> {
  const owners = new Map<string, Weights>()
  const tensors: Weights["tensors"][number][] = []
  for (const [file, expected] of shards) {
    const { weights, name } = await open(file)
    const names = new Set(weights.tensors.map((tensor) => tensor.name))
    const expectedNames = new Set(expected)
    const faults = faultsOf({
      missing: expected.filter((tensor) => !names.has(tensor)).map(shown),
      unexpected: [...names].filter((tensor) => !expectedNames.has(tensor)).map(shown),
    })
    if (faults !== "") throw fileError(name, `does not hold the tensors that ${shardIndex} says; ${faults}`)
    for (const tensor of names) owners.set(tensor, weights)
    tensors.push(...weights.tensors)
  }
  return {
    tensors,
    async read(name) {
      const owner = owners.get(name)
      if (owner === undefined) throw fileError(shardIndex, `has no tensor ${shown(name)}`)
      return owner.read(name)
    },
  }
}
