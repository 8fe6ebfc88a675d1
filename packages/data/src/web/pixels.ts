import { VitrineError } from "@vitrine/core"
import { byteAt } from "../at.ts"
import type { Image } from "../image.ts"

/** The side of the squares in which pixels are read. Every canvas and texture can have this size. */
const tile = 2048

/** Reads a rectangle of a bitmap as RGBA into the beginning of `into`. */
type Reader = (x: number, y: number, width: number, height: number, into: Uint8Array) => void

/** The colours of a bitmap without its alpha. The bitmap must be made with `premultiplyAlpha: "none"`. */
export function readPixels(bitmap: ImageBitmap, label: string): Image {
  const image = { width: bitmap.width, height: bitmap.height, channels: 3 as const }
  const data = new Uint8Array(image.width * image.height * 3)
  // A 2-D canvas multiplies colours by alpha, which loses bits. So it reads opaque images, and WebGL reads the others.
  if (!copy(canvasReader(bitmap, label), image, data, true)) copy(textureReader(bitmap, label), image, data, false)
  return { ...image, data }
}

/** Copies an image tile by tile. If pixels must be opaque, it stops at a transparent one and returns false. */
function copy(read: Reader, { width, height }: Omit<Image, "data">, data: Uint8Array, mustBeOpaque: boolean): boolean {
  const rgba = new Uint8Array(Math.min(tile, width) * Math.min(tile, height) * 4)
  for (let top = 0; top < height; top += tile)
    for (let left = 0; left < width; left += tile) {
      const columns = Math.min(tile, width - left)
      const rows = Math.min(tile, height - top)
      read(left, top, columns, rows, rgba)
      for (let y = 0, s = 0; y < rows; y++) {
        let d = ((top + y) * width + left) * 3
        for (const end = s + columns * 4; s < end; s += 4, d += 3) {
          if (mustBeOpaque && rgba[s + 3] !== 255) return false
          data[d] = byteAt(rgba, s)
          data[d + 1] = byteAt(rgba, s + 1)
          data[d + 2] = byteAt(rgba, s + 2)
        }
      }
    }
  return true
}

function canvasReader(bitmap: ImageBitmap, label: string): Reader {
  const canvas = new OffscreenCanvas(Math.min(tile, bitmap.width), Math.min(tile, bitmap.height))
  const context = canvas.getContext("2d", { willReadFrequently: true })
  if (context === null) throw new VitrineError("file", `${label}: this browser draws on no more canvases`)
  context.globalCompositeOperation = "copy"
  return (x, y, width, height, into) => {
    context.drawImage(bitmap, -x, -y)
    into.set(context.getImageData(0, 0, width, height).data)
  }
}

let shared: WebGL2RenderingContext | null = null

function textureReader(bitmap: ImageBitmap, label: string): Reader {
  // All images share one context: browsers allow few contexts, and release them late.
  if (shared === null || shared.isContextLost()) shared = new OffscreenCanvas(1, 1).getContext("webgl2")
  const gl = shared
  if (gl === null)
    throw new VitrineError(
      "file",
      `${label}: has transparent pixels, whose colours a browser gives only with WebGL 2; save it without transparency`,
    )
  return (x, y, width, height, into) => {
    const texture = gl.createTexture()
    const framebuffer = gl.createFramebuffer()
    gl.bindTexture(gl.TEXTURE_2D, texture)
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height)
    gl.pixelStorei(gl.UNPACK_SKIP_PIXELS, x)
    gl.pixelStorei(gl.UNPACK_SKIP_ROWS, y)
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bitmap)
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer)
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0)
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, into)
    const error = gl.getError()
    gl.deleteFramebuffer(framebuffer)
    gl.deleteTexture(texture)
    if (error !== gl.NO_ERROR) throw new VitrineError("file", `${label}: WebGL cannot hold its pixels (error ${error})`)
  }
}
