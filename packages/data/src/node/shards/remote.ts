import type { ByteSource } from "@vitrine/archive"
import { at } from "../../at.ts"
import type { ShardsSource } from "../../dataset.ts"
import type { WindowedOrder } from "../../order.ts"
import { openRemote } from "../range-cache.ts"
import { keptPortions } from "../kept-portions.ts"
import { openOnce } from "../open-once.ts"
import type { ByteReader } from "../tar.ts"

/** The bytes of a request while shards are listed. */
const requestBytes = 2 ** 22
/** The greatest number of bytes between two images that are read with them, and of a request for images. */
const [mostBetween, mostTogether] = [2 ** 18, 2 ** 24]

/** Reads a file on a server from its beginning to its end. */
export function sequentialReader(source: ByteSource): ByteReader {
  let bytes = new Uint8Array()
  let start = 0
  let place = 0
  return {
    async read(n) {
      if (place < start || place + n > start + bytes.length) {
        start = Math.min(place, source.size)
        bytes = Uint8Array.from(await source.read(start, Math.min(source.size, start + requestBytes)))
      }
      const part = bytes.subarray(place - start, place - start + n)
      place += part.length
      return part
    },
    async skip(n) {
      place += n
      return place <= source.size
    },
  }
}

/** The bytes of images in shards on servers. */
export interface RemoteImages {
  bytes(example: number): Promise<Uint8Array>
  prefetch(examples: Uint32Array): void
  close(): Promise<void>
}

/** Images of a block that lie side by side in a shard. */
interface Range {
  readonly shard: number
  readonly begin: number
  end: number
}

/** Reads images of shards on servers. Those of a block of the order come by one request, if they lie side by side. */
export function remoteImages(source: ShardsSource, { rows, blocks }: WindowedOrder): RemoteImages {
  const { paths, shards, offsets, sizes } = source
  const load = keptPortions<Uint8Array>({ rows, blocks })
  const { file, close } = openOnce(async (number) => ({
    source: await openRemote({ url: at(paths, number), bytes: at(source.bytes, number) }),
    close: async () => {},
  }))
  const rangesOf = (block: number): Range[] => {
    const ranges: Range[] = []
    for (let example = block * rows; example < Math.min(shards.length, (block + 1) * rows); example++) {
      const [shard, begin] = [at(shards, example), at(offsets, example)]
      const last = ranges.at(-1)
      const end = begin + at(sizes, example)
      const isNext = last?.shard === shard && begin >= last.end && begin - last.end <= mostBetween
      if (isNext && end - last.begin <= mostTogether) last.end = end
      else ranges.push({ shard, begin, end })
    }
    return ranges
  }
  const known = new Map<number, Range[]>()
  const portion = (example: number): readonly [Range, Promise<Uint8Array>] => {
    const block = Math.floor(example / rows)
    const ranges = known.get(block) ?? rangesOf(block)
    known.set(block, ranges)
    const [shard, offset] = [at(shards, example), at(offsets, example)]
    const index = ranges.findIndex((range) => range.shard === shard && range.begin <= offset && offset <= range.end)
    const range = at(ranges, index)
    const { begin, end } = range
    const read = async (): Promise<Uint8Array> => (await file(shard)).source.read(begin, end)
    return [range, load(`${block} ${index}`, end - begin, read)]
  }
  return {
    async bytes(example) {
      const [{ begin }, bytes] = portion(example)
      const from = at(offsets, example) - begin
      return (await bytes).subarray(from, from + at(sizes, example))
    },
    prefetch(examples) {
      for (const example of examples) portion(example)[1].catch(() => {}) // The error is reported when it is read.
    },
    close,
  }
}
