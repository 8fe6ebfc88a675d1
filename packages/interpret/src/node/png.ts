import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { initWasm, Resvg } from "@resvg/resvg-wasm"
import { pngSize, type PngOptions } from "../png-size.ts"

/**
 * Draws a figure's SVG, and returns the bytes of a PNG file. The package contains the font (Inter, Latin and Greek), so
 * the letters are the same on every machine.
 * @throws VitrineError (config) if the SVG is no figure, or if a side of the PNG is under 1 or over 16,384 pixels
 */
export async function toPng(svg: string, options: PngOptions = {}): Promise<Uint8Array> {
  const { scale } = pngSize(svg, options)
  const { fontBuffers } = await (renderer ??= start())
  const resvg = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    font: { fontBuffers, defaultFontFamily: "Inter", sansSerifFamily: "Inter" },
  })
  try {
    const image = resvg.render()
    try {
      return image.asPng()
    } finally {
      image.free()
    }
  } finally {
    resvg.free()
  }
}

let renderer: Promise<{ readonly fontBuffers: Uint8Array[] }> | undefined

async function start(): Promise<{ readonly fontBuffers: Uint8Array[] }> {
  const wasm = createRequire(import.meta.url).resolve("@resvg/resvg-wasm/index_bg.wasm")
  await initWasm(await readFile(wasm))
  const fonts = ["Inter-Regular.ttf", "Inter-SemiBold.ttf"]
  const fontBuffers = await Promise.all(fonts.map((name) => readFile(new URL(`../../fonts/${name}`, import.meta.url))))
  return { fontBuffers }
}
