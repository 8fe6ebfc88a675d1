import { createHash } from "node:crypto"
import { createReadStream, type Dirent } from "node:fs"
import { mkdir, readdir, stat } from "node:fs/promises"
import { basename, extname, join } from "node:path"
import { createInterface } from "node:readline"
import { VitrineError } from "@vitrine/core"
import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { UsageError } from "./errors.ts"
import type { OpenImages } from "./images.ts"
import { note } from "./output.ts"
import { imagesOf, type Shard, shardName } from "./shard.ts"
import { count, duration, printable } from "./show/text.ts"

type Encode<R> = (results: readonly R[]) => Iterable<Uint8Array> | string | Promise<Iterable<Uint8Array>>

/** The formats of a file of results, by the end of its name. */
export type Formats<R> = Readonly<Record<string, Encode<R>>>

/** A file of results. */
export interface ResultFile<R> {
  readonly path: string
  readonly encode: Encode<R>
}

/** Results as JSON, a line each. */
export function* jsonLines(results: Iterable<object>): Generator<Uint8Array> {
  for (const result of results) yield Buffer.from(`${JSON.stringify(result)}\n`)
}

/**
 * The file that `--out` names, in the format of its name.
 * @throws UsageError for a name without a format
 */
export function resultFile<R>(path: string | undefined, formats: Formats<R>): ResultFile<R> | undefined {
  if (path === undefined) return undefined
  const encode = formats[extname(path)]
  if (encode === undefined)
    throw new UsageError(`--out ${path}: the name must end in ${Object.keys(formats).join(", ")}`)
  return { path, encode }
}

/** What a command does with images. */
export interface ImageWork<R> {
  readonly command: string
  /** The path of the model. */
  readonly model: string
  /** The flags of the command. */
  readonly flags: { readonly json?: true }
  readonly file: ResultFile<R> | undefined
  /** Computes and adds the results of the images that can be read, in their order. They are plain data. */
  compute(images: OpenImages, add: (result: R) => void): Promise<void>
  /** Prints a result. It is called where results go neither into a file nor into a document. */
  show(result: R): void
}

/** What a command has done with images. */
export interface ImageResults<R> {
  /** The results that were not printed. */
  readonly results: readonly R[]
  /** The number of images of this process that could not be read. */
  readonly unread: number
}

/**
 * Computes results of images. A shard with a file writes a part beside it, and the one that completes the parts joins
 * them to the file that a single process writes. A part that is there, of the same images, model and flags, is not
 * computed again.
 * @throws VitrineError (file) for a damaged part
 */
export async function imageResults<R extends object>(
  images: OpenImages,
  work: ImageWork<R>,
  shard: Shard | undefined,
): Promise<ImageResults<R>> {
  const { file } = work
  const own = shard === undefined ? images : imagesOf(images, shard)
  if (shard !== undefined)
    note(`part ${shardName(shard)}: ${count(own.names.length)} of ${count(images.names.length)} images`)
  if (file !== undefined && shard !== undefined) return partResults(images, own, file, shard, work)
  const computed = await computeAll(work, own)
  if (file !== undefined && computed.results.length > 0)
    await writeFileAtomic(file.path, await file.encode(computed.results))
  return computed
}

async function computeAll<R extends object>(work: ImageWork<R>, images: OpenImages): Promise<ImageResults<R>> {
  const { file, flags, compute, show } = work
  const results: R[] = []
  let read = 0
  const begin = performance.now()
  await compute(images, (result) => {
    read++
    if (file !== undefined || flags.json) results.push(result)
    else show(result)
  })
  const seconds = (performance.now() - begin) / 1000
  if (file !== undefined && read > 0)
    note(`${count(read)} images in ${duration(seconds)}, ${(read / seconds).toPrecision(3)} a second`)
  return { results, unread: images.names.length - read }
}

/** The first line of a part. */
interface PartHeader {
  /** A digest of the command, its flags, the model and the names of all images. */
  readonly work: string
  /** A digest of the names, sizes and times of the part's images. */
  readonly images: string
  readonly results: number
  readonly unread: number
}

async function partResults<R extends object>(
  all: OpenImages,
  own: OpenImages,
  file: ResultFile<R>,
  { index, count: parts }: Shard,
  work: ImageWork<R>,
): Promise<ImageResults<R>> {
  if (work.flags.json) throw new UsageError("--json prints results, and parts go into --out: leave one of them out")
  const folder = `${file.path}.parts`
  const indices = Array.from({ length: parts }, (_, i) => i + 1)
  const paths = indices.map((each) => join(folder, `${each}-of-${parts}.jsonl`))
  const path = paths[index - 1] ?? ""
  const digests = {
    work: digestOf([work.command, flagsText(work.flags), await contentDigest(work.model), ...all.names]),
    images: digestOf(await imageFacts(own.names)),
  }
  let header = await headerOf(path)
  if (header?.work === digests.work && header.images === digests.images)
    note(`${printable(path)} is there, of the same images, model and flags${unreadText(header.unread)}`)
  else {
    const { results, unread } = await computeAll(work, own)
    header = { ...digests, results: results.length, unread }
    await mkdir(folder, { recursive: true })
    await writeFileAtomic(path, jsonLines([header, ...results]))
  }
  const headers = await Promise.all(paths.map(headerOf))
  const missing = indices.filter((_, i) => headers[i]?.work !== digests.work)
  if (missing.length > 0)
    note(
      `${printable(file.path)}: to come: ${missing.length === 1 ? "part" : "parts"} ${missing.join(", ")} of ${parts}`,
    )
  else {
    const results: R[] = []
    for (const each of paths) for (const result of await readPart<R>(each)) results.push(result)
    if (results.length > 0) await writeFileAtomic(file.path, await file.encode(results))
    const unread = headers.reduce((sum, each) => sum + (each?.unread ?? 0), 0)
    note(
      `${printable(file.path)}: ${count(results.length)} images of ${parts} parts${unreadText(unread)}; ${printable(folder)} can be deleted`,
    )
  }
  return { results: [], unread: header.unread }
}

/** The flags on which results depend. */
function flagsText(flags: object): string {
  const others = new Set(["model", "checkpoint", "json", "shard", "out", "threads"])
  return JSON.stringify(
    Object.entries(flags)
      .filter(([name]) => !others.has(name))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** The first line of a part, or undefined if there is no part. */
async function headerOf(path: string): Promise<PartHeader | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined
  for await (const line of linesOf(path)) return line as PartHeader
  return undefined
}

async function readPart<R>(path: string): Promise<R[]> {
  const lines: unknown[] = []
  for await (const line of linesOf(path)) lines.push(line)
  const [header, ...results] = lines
  if ((header as PartHeader | undefined)?.results !== results.length)
    throw new VitrineError("file", `${path}: is not whole: delete it, and compute its part again`)
  return results as R[]
}

async function* linesOf(path: string): AsyncGenerator {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(path, "utf8") })) {
    number++
    try {
      yield JSON.parse(line)
    } catch {
      throw new VitrineError("file", `${path}: line ${number} is no JSON: delete the file, and compute its part again`)
    }
  }
}

function digestOf(texts: readonly string[]): string {
  const hash = createHash("sha256")
  for (const text of texts) hash.update(text).update("\0")
  return hash.digest("hex")
}

/** The names of images, with the sizes and times of their files. A row of data has a name alone. */
async function imageFacts(names: readonly string[]): Promise<string[]> {
  const facts: string[] = []
  for (let i = 0; i < names.length; i += 1000)
    for (const [j, info] of (await Promise.allSettled(names.slice(i, i + 1000).map((name) => stat(name)))).entries()) {
      const name = names[i + j] ?? ""
      facts.push(info.status === "fulfilled" ? `${name} ${info.value.size} ${info.value.mtimeMs}` : name)
    }
  return facts
}

const unreadText = (unread: number): string => (unread === 0 ? "" : `, ${count(unread)} could not be read`)

/** A digest of the content of a model: of its file, or of the files in its folder. */
async function contentDigest(path: string): Promise<string> {
  const entries = await readdir(path, { withFileTypes: true }).catch((): Dirent[] => [])
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  const files = names.length === 0 ? [path] : names.toSorted().map((name) => join(path, name))
  const hash = createHash("sha256")
  for (const file of files) {
    hash.update(`${basename(file)}\0`)
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
  }
  return hash.digest("hex")
}
