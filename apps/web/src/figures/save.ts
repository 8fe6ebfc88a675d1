/** Downloads a file. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** The CSS properties that a saved drawing keeps. */
const properties = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-linejoin",
  "stroke-dasharray",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
]

/** A figure of the page as SVG: its canvases, its drawings with their styles, and its captions. */
export function toSvg(figure: HTMLElement): string {
  const box = figure.getBoundingClientRect()
  const { backgroundColor } = getComputedStyle(document.body)
  const parts: string[] = []
  for (const canvas of figure.querySelectorAll("canvas")) {
    const at = canvas.getBoundingClientRect()
    const rendering = canvas.classList.contains("overlay") ? "" : ` style="image-rendering:pixelated"`
    parts.push(
      `<image x="${at.x - box.x}" y="${at.y - box.y}" width="${at.width}" height="${at.height}" preserveAspectRatio="none"${rendering} href="${canvas.toDataURL("image/png")}"><title>${escaped(canvas.dataset.caption ?? "")}</title></image>`,
    )
  }
  for (const svg of figure.querySelectorAll("svg")) {
    const at = svg.getBoundingClientRect()
    const copy = document.importNode(svg, true)
    const copies = copy.querySelectorAll("*")
    for (const [i, original] of svg.querySelectorAll("*").entries()) {
      const style = getComputedStyle(original)
      for (const property of properties) copies[i]?.setAttribute(property, style.getPropertyValue(property))
    }
    parts.push(`<g transform="translate(${at.x - box.x} ${at.y - box.y})">${copy.innerHTML}</g>`)
  }
  for (const text of figure.querySelectorAll<HTMLElement>("[data-text]")) {
    const at = text.getBoundingClientRect()
    const { fontSize, color } = getComputedStyle(text)
    parts.push(
      `<text x="${at.x - box.x}" y="${at.y - box.y + at.height * 0.75}" font-family="sans-serif" font-size="${fontSize}" fill="${color}">${escaped(text.textContent ?? "")}</text>`,
    )
  }
  const [width, height] = [Math.ceil(box.width), Math.ceil(box.height)]
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><rect width="100%" height="100%" fill="${backgroundColor}"/>${parts.join("")}</svg>`
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** A figure as PNG, with twice as many pixels as on the page in each direction. */
export async function toPng(figure: HTMLElement): Promise<Blob> {
  const address = URL.createObjectURL(new Blob([toSvg(figure)], { type: "image/svg+xml" }))
  try {
    const image = new Image()
    image.src = address
    await image.decode()
    const canvas = new OffscreenCanvas(2 * image.width, 2 * image.height)
    const context = canvas.getContext("2d")
    context?.drawImage(image, 0, 0, canvas.width, canvas.height)
    return await canvas.convertToBlob({ type: "image/png" })
  } finally {
    URL.revokeObjectURL(address)
  }
}
