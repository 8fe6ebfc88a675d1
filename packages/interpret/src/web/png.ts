import { VitrineError } from "@vitrine/core"
import { pngSize, type PngOptions } from "../png-size.ts"

/**
 * Draws a figure's SVG with the browser of the page, and returns the bytes of a PNG file.
 * @throws VitrineError (config) if the SVG is no figure, if the scale is not positive, if a side of the PNG is under 1
 *   or over 16,384 pixels, or if the browser cannot draw the SVG or a PNG of that size
 */
export async function toPng(svg: string, options: PngOptions = {}): Promise<Uint8Array> {
  const { width, height } = pngSize(svg, options)
  const address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }))
  try {
    const image = new Image(width, height)
    image.src = address
    await image.decode().catch((cause) => {
      throw new VitrineError("config", "the browser cannot draw this SVG", { cause })
    })
    const canvas = document.createElement("canvas")
    canvas.width = width
    canvas.height = height
    canvas.getContext("2d")?.drawImage(image, 0, 0, width, height)
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"))
    if (blob === null) throw new VitrineError("config", `the browser cannot draw ${width}×${height} pixels`)
    return new Uint8Array(await blob.arrayBuffer())
  } finally {
    URL.revokeObjectURL(address)
  }
}
