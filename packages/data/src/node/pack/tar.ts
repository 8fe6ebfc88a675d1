import { fsyncSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import type { ShardWriter } from "./shard-writer.ts"

const block = 512

/** Writes samples of WebDataset: an image, its class as a number in `.cls`, and the names of its labels in `.json`. */
export async function tarShard(path: string, classes: readonly string[], several: boolean): Promise<ShardWriter> {
  const file = await open(path, "w")
  return {
    async add(key, image, numbers) {
      const names = numbers.map((number) => classes[number])
      await append(file, `${key}.${image.extension}`, image.bytes)
      if (!several) await append(file, `${key}.cls`, Buffer.from(String(numbers[0])))
      await append(file, `${key}.json`, Buffer.from(JSON.stringify(several ? { labels: names } : { label: names[0] })))
    },
    async finish() {
      await file.write(Buffer.alloc(2 * block))
      // The handles of Yarn's Plug'n'Play have no `sync`.
      fsyncSync(file.fd)
      await file.close()
    },
  }
}

async function append(file: FileHandle, name: string, bytes: Uint8Array): Promise<void> {
  const rest = (block - (bytes.length % block)) % block
  await file.writev([tarHeader(name, bytes.length), bytes, Buffer.alloc(rest)])
}

/** The header of a regular file in a ustar archive, without times and owners. */
function tarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(block)
  header.write(name, 0, 100)
  header.write("0000644\0", 100)
  for (const at of [108, 116]) header.write("0000000\0", at)
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124)
  header.write("00000000000\0", 136)
  header.write(" ".repeat(8), 148)
  header.write("0ustar\0", 156)
  header.write("00", 263)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  return header
}
