import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type * as lodepng from "@cwasm/lodepng"
import type { Image } from "../image.ts"
import { jpegComponents, type ImageHeader } from "../header.ts"
import { mayBeTurned } from "./orientation.ts"

/**
 * Images with more pixels, and files with more bytes, are not small. A JPEG with more scans takes too long for its size.
 */
const most = {
  png: { pixels: 2 ** 15, bytes: 2 ** 16 },
  jpeg: { pixels: 2 ** 18, bytes: 2 ** 19, scans: 32 },
}

/**
 * Decodes a small JPEG or PNG in this thread, to the bytes that sharp gives. sharp takes 0.3 ms to begin with an image,
 * which is ten times what a very small image takes itself, and it hands each image over between three threads. Larger
 * images gain more by its native code. `bench/pipeline.mjs` and `bench/sources.mjs` measure both.
 * @returns undefined for another image, and for one with a fault: sharp decides about both
 */
export async function decodeSmall(
  bytes: Uint8Array,
  { format, width, height }: ImageHeader,
): Promise<Image | undefined> {
  if (format !== "PNG" && format !== "JPEG") return undefined
  const bounds = format === "PNG" ? most.png : most.jpeg
  if (width * height > bounds.pixels || width * height === 0 || bytes.length > bounds.bytes) return undefined
  if (mayBeTurned(bytes, format)) return undefined
  if (format === "PNG") return decodePng(bytes)
  if (![1, 3].includes(jpegComponents(bytes)) || hasManyScans(bytes)) return undefined
  const data = decodeJpeg(bytes, width, height)
  return data && { width, height, channels: 3, data }
}

const startOfScan = Uint8Array.of(0xff, 0xda)

function hasManyScans({ buffer, byteOffset, length }: Uint8Array): boolean {
  const bytes = Buffer.from(buffer, byteOffset, length)
  let at = -1
  for (let scans = 0; scans <= most.jpeg.scans; scans++) {
    at = bytes.indexOf(startOfScan, at + 1)
    if (at < 0) return false
  }
  return true
}

let loading: Promise<typeof lodepng> | undefined

async function decodePng(bytes: Uint8Array): Promise<Image | undefined> {
  loading ??= import("@cwasm/lodepng")
  try {
    const { decode } = await loading
    const { width, height, data: rgba } = decode(bytes)
    const data = new Uint8Array(width * height * 3)
    for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
      data[to] = rgba[from] ?? 0
      data[to + 1] = rgba[from + 1] ?? 0
      data[to + 2] = rgba[from + 2] ?? 0
    }
    return { width, height, channels: 3, data }
  } catch {
    return undefined
  }
}

type DecodeJpeg = (bytes: Uint8Array, width: number, height: number) => Uint8Array | undefined

let jpegModule: WebAssembly.Module | null | undefined
let jpeg: DecodeJpeg | undefined

/** Compiles libjpeg-turbo. A bundle of a program may lack its file; then sharp decodes all images. */
function compileJpeg(): WebAssembly.Module | null {
  try {
    const path = createRequire(import.meta.url).resolve("@cwasm/jpeg-turbo/jpeg-turbo.wasm")
    return new WebAssembly.Module(readFileSync(path))
  } catch {
    return null
  }
}

/** The RGB of a JPEG, or undefined if it has a fault. */
function decodeJpeg(bytes: Uint8Array, width: number, height: number): Uint8Array | undefined {
  if (jpegModule === undefined) jpegModule = compileJpeg()
  if (jpegModule === null) return undefined
  jpeg ??= jpegDecoder(jpegModule)
  let data: Uint8Array | undefined
  try {
    data = jpeg(bytes, width, height)
  } catch {
    // libjpeg left by `longjmp`.
  }
  // After a fault, the stack of the instance may be anywhere.
  if (data === undefined) jpeg = undefined
  return data
}

/** `TJPF_RGB` of libjpeg-turbo: three bytes a pixel. */
const rgb = 0

/** An instance of libjpeg-turbo with memory for one small image. */
function jpegDecoder(module: WebAssembly.Module): DecodeJpeg {
  const leave = (): never => {
    throw new Error("left")
  }
  const { exports } = new WebAssembly.Instance(module, {
    env: { setjmp: () => 0, longjmp: leave },
    wasi_snapshot_preview1: {
      environ_sizes_get: () => 0,
      environ_get: leave,
      proc_exit: leave,
      fd_close: leave,
      fd_seek: leave,
      fd_write: leave,
    },
  })
  const { memory } = exports
  const call = (name: string, ...args: number[]): number => {
    const called = exports[name]
    if (typeof called !== "function") throw new Error(`libjpeg-turbo has no ${name}`)
    return Number(called(...args))
  }
  const decompressor = call("tjInitDecompress")
  const source = call("malloc", most.jpeg.bytes)
  const target = call("malloc", most.jpeg.pixels * 3)
  const facts = call("malloc", 16)
  if (!(memory instanceof WebAssembly.Memory) || [decompressor, source, target, facts].includes(0)) leave()
  const view = (offset: number, length: number): Uint8Array =>
    memory instanceof WebAssembly.Memory ? new Uint8Array(memory.buffer, offset, length) : new Uint8Array()
  return (bytes, width, height) => {
    view(source, bytes.length).set(bytes)
    const header = [facts, facts + 4, facts + 8, facts + 12]
    if (call("tjDecompressHeader3", decompressor, source, bytes.length, ...header) !== 0) return undefined
    const size = new DataView(view(facts, 8).slice().buffer)
    if (size.getUint32(0, true) !== width || size.getUint32(4, true) !== height) return undefined
    const status = call("tjDecompress2", decompressor, source, bytes.length, target, width, width * 3, height, rgb, 0)
    return status === 0 ? view(target, width * height * 3).slice() : undefined
  }
}
