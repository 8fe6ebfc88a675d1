import { VitrineError } from "@vitrine/core"
import { pngSize, type PngOptions } from "../png-size.ts"

/**
 * A figure's SVG as the bytes of a PNG file, drawn by the browser, in a page.
 * @throws VitrineError (config) for a size that no picture has, or an SVG that the browser does not draw
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
