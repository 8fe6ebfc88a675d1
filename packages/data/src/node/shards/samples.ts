import { VitrineError } from "@vitrine/core"
import { isImagePath } from "../../formats.ts"
import { deepest, isDeepJson } from "../../text.ts"
import { type ByteReader, readTar, type TarFile } from "../tar.ts"

/** An image of a sample: its extension, as `jpg` or `left.jpg`, and its place in the shard. */
export interface SampleImage extends TarFile {
  readonly extension: string
}

/** Files of a shard whose names are equal up to the first dot. */
export interface Sample {
  readonly key: string
  readonly images: readonly SampleImage[]
  /** The contents of `.cls`, `.txt` and `.json` by their extensions; of a `.json` its fields. */
  readonly fields: ReadonlyMap<string, unknown>
}

export interface Shard {
  readonly samples: readonly Sample[]
  /** Files of other kinds. */
  readonly others: readonly string[]
}

/** The greatest size of a text beside an image, and of all of them in a shard. */
const [mostText, mostTexts] = [2 ** 20, 2 ** 28]

/** Splits a name into the key of its sample and an extension in lower case, as WebDataset does. */
export function sampleName(name: string): readonly [key: string, extension: string] {
  const file = name.slice(name.lastIndexOf("/") + 1)
  const dot = file.indexOf(".", 1)
  return dot < 0 ? [name, ""] : [name.slice(0, name.length - file.length + dot), file.slice(dot + 1).toLowerCase()]
}

const isText = (extension: string): boolean => /(^|\.)(cls|txt|json)$/.test(extension)

/**
 * Lists the samples of a tar file. Texts are read, images are not.
 * @param reader gives at least 1 MiB at a time, if there is as much
 * @param path the name of the shard in errors
 * @throws VitrineError (file)
 */
export async function readShard(reader: ByteReader, path: string): Promise<Shard> {
  const samples = new Map<string, OpenSample>()
  const others: string[] = []
  let texts = 0
  await readTar(reader, path, async (entry) => {
    const [key, extension] = sampleName(entry.name)
    const isImage = isImagePath(entry.name)
    if (!isImage && !isText(extension)) {
      others.push(entry.name)
      return false
    }
    const sample: OpenSample = samples.get(key) ?? { key, images: [], fields: new Map() }
    samples.set(key, sample)
    if (isImage) {
      sample.images.push({ ...entry, extension })
      return false
    }
    texts += entry.size
    if (entry.size > mostText || texts > mostTexts)
      throw new VitrineError(
        "file",
        `${path}: ${entry.name}: texts of up to ${mostText} bytes, ${mostTexts} in all, are read beside images`,
      )
    const text = new TextDecoder().decode(await reader.read(entry.size))
    for (const [field, value] of fieldsOf(extension, text, `${path}: ${entry.name}`)) sample.fields.set(field, value)
    return true
  })
  return { samples: [...samples.values()], others }
}

/** A sample whose files are still being listed. */
interface OpenSample extends Sample {
  readonly images: SampleImage[]
  readonly fields: Map<string, unknown>
}

function fieldsOf(extension: string, text: string, name: string): readonly (readonly [string, unknown])[] {
  if (!extension.endsWith("json")) return [[extension, text.trim()]]
  if (isDeepJson(text)) throw new VitrineError("file", `${name}: is nested more than ${deepest} deep`)
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value)
      : [["json", value]]
  } catch {
    throw new VitrineError("file", `${name}: is no JSON`)
  }
}
