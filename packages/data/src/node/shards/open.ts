import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { BrokenImageError } from "../../broken.ts"
import type { Dataset, ShardsSource } from "../../dataset.ts"
import { decodeLimits } from "../../limits.ts"
import { decodeAdmitted } from "../decode.ts"
import { fileSource, openFile } from "../open-file.ts"

interface Shard {
  read(begin: number, end: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Opens images in tar shards as a data set. A shard is opened when its first image is read. */
export function openShards(source: ShardsSource): Dataset {
  const { name, classes, paths, shards, names, offsets, sizes, labels, labelSets } = source
  const opened = new Map<number, Promise<Shard>>()
  const open = async (number: number): Promise<Shard> => {
    const path = at(paths, number)
    const { file, size } = await openFile(path)
    if (size === at(source.bytes, number))
      return { read: (begin, end) => fileSource(file, size, path).read(begin, end), close: () => file.close() }
    await file.close()
    throw new VitrineError("file", `${path}: is ${size} bytes, but was ${source.bytes[number]} when it was listed`)
  }
  const shardOf = (number: number): Promise<Shard> => {
    const shard = opened.get(number) ?? open(number)
    opened.set(number, shard)
    return shard
  }
  const describe = (index: number): string => `${paths[at(shards, index)]}: ${names[index]}`
  const bytes = async (index: number): Promise<Uint8Array> => {
    const size = at(sizes, index)
    if (size > decodeLimits.fileBytes)
      throw new BrokenImageError(
        `${describe(index)}: is ${size} bytes; images up to ${decodeLimits.fileBytes} are read`,
      )
    const offset = at(offsets, index)
    const shard = await shardOf(at(shards, index))
    return shard.read(offset, offset + size)
  }
  return {
    name,
    classes,
    length: names.length,
    channels: 3,
    labels,
    ...(labelSets && { labelSets }),
    source,
    describe,
    bytes,
    read: async (index, admit) => decodeAdmitted(await bytes(index), describe(index), admit),
    async close() {
      for (const shard of opened.values())
        await shard.then(
          ({ close }) => close(),
          () => {},
        )
    },
  }
}
