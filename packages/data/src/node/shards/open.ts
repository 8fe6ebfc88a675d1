import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import type { Dataset, ShardsSource } from "../../dataset.ts"
import { addressOrPath } from "../../remote.ts"
import { encodedImages } from "../encoded.ts"
import { fileSource, openFile } from "../open-file.ts"
import { openOnce } from "../open-once.ts"
import { remoteImages } from "./remote.ts"

interface Shard {
  read(begin: number, end: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Opens images in tar shards as a data set. A shard is opened when its first image is read. */
export function openShards(source: ShardsSource): Dataset {
  const { paths, shards, names, offsets, sizes, order } = source
  const facts = {
    source,
    length: names.length,
    describe: (index: number) => `${addressOrPath(paths[at(shards, index)] ?? "")}: ${names[index]}`,
    sizeOf: (index: number) => at(sizes, index),
  }
  if (order !== undefined && order !== "exact")
    return encodedImages({ ...facts, order, reach: order.rows * order.blocks, ...remoteImages(source, order) })
  const { file: shard, close } = openOnce(async (number): Promise<Shard> => {
    const path = at(paths, number)
    const { file, size } = await openFile(path)
    if (size === at(source.bytes, number))
      return { read: (begin, end) => fileSource(file, size, path).read(begin, end), close: () => file.close() }
    await file.close()
    throw new VitrineError("file", `${path}: is ${size} bytes, but was ${source.bytes[number]} when it was listed`)
  })
  return encodedImages({
    ...facts,
    async bytes(index) {
      const offset = at(offsets, index)
      const { read } = await shard(at(shards, index))
      return read(offset, offset + at(sizes, index))
    },
    close,
  })
}
