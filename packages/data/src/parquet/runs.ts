import type { SchemaTree } from "hyparquet"
import { deltaBinaryUnpack } from "hyparquet/src/delta.js"
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js"
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from "hyparquet/src/schema.js"
import { parquetLimits } from "./limits.ts"
import type { Page } from "./pages.ts"

/** The greatest number of values by which the last packed run may go beyond those of its page. */
const padding = 512

export const bitWidth = (highest: number): number => 32 - Math.clz32(highest)

/**
 * Checks that runs of numbers are no longer than their page says. hyparquet writes as many as a run says, so that a few
 * bytes could fill the memory.
 * @throws Error
 */
export function checkRuns(view: DataView, begin: number, width: number, values: number): void {
  const reader = { view, offset: begin }
  for (let count = 0; count < values && reader.offset < view.byteLength; ) {
    const header = varint(reader)
    const isPacked = header % 2 === 1
    const run = Math.floor(header / 2) * (isPacked ? 8 : 1)
    if (run > values + (isPacked ? padding : 0)) throw new Error(`a run of ${run} values in a page of ${values}`)
    reader.offset += isPacked ? (run / 8) * width : Math.ceil(width / 8)
    count += run
  }
}

/**
 * Checks the levels and the encoded values of a page, whose bytes are unpacked, and of version 2 without its levels.
 * @throws Error
 */
export function checkValues(bytes: Uint8Array, page: Page, path: readonly SchemaTree[]): void {
  const { values, encoding, levels } = page
  const view = viewOf(bytes)
  const element = path.at(-1)?.element
  let at = 0
  let present = values - page.nulls
  if (levels === undefined && !page.isDictionary)
    for (const [highest, isDefinition] of levelsOf(path)) {
      const length = view.getUint32(at, true)
      checkRuns(view, at + 4, bitWidth(highest), values)
      if (isDefinition && isLong(encoding)) present = countOf(view, at + 4, highest, values)
      at += 4 + length
    }
  switch (encoding) {
    case "RLE":
    case "RLE_DICTIONARY":
    case "PLAIN_DICTIONARY":
      if (page.isDictionary) return
      return element?.type === "BOOLEAN"
        ? checkRuns(view, at + 4, 1, values)
        : checkRuns(view, at + 1, view.getUint8(at), values)
    case "DELTA_BINARY_PACKED":
    case "DELTA_LENGTH_BYTE_ARRAY":
      return checkDelta({ view, offset: at })
    case "DELTA_BYTE_ARRAY": {
      const reader = { view, offset: at }
      const length = sumOfDeltas(reader, present) + sumOfDeltas(reader, present)
      if (length > parquetLimits.freeBytes + parquetLimits.growth * bytes.length)
        throw new Error(`values of ${length} bytes in a page of ${bytes.length}`)
      return
    }
    case "BYTE_STREAM_SPLIT":
      if (present * (element?.type_length ?? 1) > bytes.length) throw new Error("a page is too short for its values")
  }
}

/** Checks the levels of a page of version 2, which stand before its values and are not packed. */
export function checkLevels(bytes: Uint8Array, page: Page, path: readonly SchemaTree[]): void {
  const view = viewOf(bytes)
  for (const [highest, isDefinition] of levelsOf(path))
    checkRuns(view, isDefinition ? page.repetitionBytes : 0, bitWidth(highest), page.values)
}

/** The encodings whose checks need the number of values that are there. */
const isLong = (encoding: string): boolean => encoding === "DELTA_BYTE_ARRAY" || encoding === "BYTE_STREAM_SPLIT"

/** The greatest levels of a column, in the order of a page, and whether they say which values are there. */
function levelsOf(path: readonly SchemaTree[]): (readonly [highest: number, isDefinition: boolean])[] {
  const schemaPath = [...path]
  const all = [
    [getMaxRepetitionLevel(schemaPath), false],
    [getMaxDefinitionLevel(schemaPath), true],
  ] as const
  return all.filter(([highest]) => highest > 0)
}

function countOf(view: DataView, offset: number, highest: number, values: number): number {
  const levels = new Array<number>(values)
  readRleBitPackedHybrid({ view, offset }, bitWidth(highest), levels, view.byteLength - offset)
  return levels.filter((level) => level === highest).length
}

interface Reader {
  readonly view: DataView
  offset: number
}

/** hyparquet does not end with blocks of no or of fewer than no values. */
function checkDelta({ view, offset }: Reader): void {
  const reader = { view, offset }
  const [block, parts] = [varint(reader), varint(reader)]
  if (!(parts > 0 && parts <= block && block % parts === 0 && block <= 2 ** 20))
    throw new Error(`blocks of ${block} values in ${parts} parts`)
}

function sumOfDeltas(reader: Reader, count: number): number {
  checkDelta(reader)
  const lengths = new Int32Array(count)
  deltaBinaryUnpack(reader, count, lengths)
  return lengths.reduce((sum, length) => {
    if (length < 0) throw new Error("a value of fewer than no bytes")
    return sum + length
  }, 0)
}

function varint(reader: Reader): number {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = reader.view.getUint8(reader.offset++)
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return value
    if (shift > 28) throw new Error("a number of too many bytes")
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
