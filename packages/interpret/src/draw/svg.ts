import { type Theme, type ThemeName, themes } from "./colors.ts"

type Attributes = Readonly<Record<string, string | number | undefined>>

/** An SVG element. Numbers are rounded to hundredths. Undefined attributes are left out. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const pairs = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${typeof value === "number" ? Number(value.toFixed(2)) : escape(value)}"`],
  )
  const start = `<${name}${pairs.join("")}`
  return children.length === 0 ? `${start}/>` : `${start}>${children.join("")}</${name}>`
}

/** A line of text. Its size is 12 by default. */
export function text(
  x: number,
  y: number,
  content: string,
  { size = 12, fill, anchor, bold, transform }: TextStyle,
): string {
  return element(
    "text",
    { x, y, "font-size": size, fill, "text-anchor": anchor, "font-weight": bold ? 600 : undefined, transform },
    escape(content),
  )
}

interface TextStyle {
  readonly size?: number
  readonly fill: string
  readonly anchor?: "middle" | "end" | undefined
  readonly bold?: boolean | undefined
  readonly transform?: string | undefined
}

/**
 * The approximate width of a text. Letters of a sans-serif font are a little more than half as wide as they are high.
 */
export const textWidth = (content: string, size = 12): number => 0.57 * size * Array.from(content).length

/** Cuts a text to fit in a width, and adds an ellipsis if something was cut. */
export function fitted(content: string, width: number, size = 12): string {
  const letters = Array.from(content)
  const room = Math.max(1, Math.floor(width / textWidth("x", size)))
  return letters.length <= room ? content : `${letters.slice(0, room - 1).join("")}…`
}

/** How a figure looks. */
export interface FigureStyle {
  /** `light` by default. */
  readonly theme?: ThemeName | undefined
}

export const themeOf = ({ theme = "light" }: FigureStyle): Theme => themes[theme]

export interface Drawing {
  readonly title: string
  /** What the figure shows. It stands under the title. */
  readonly subtitle: string
  readonly theme: Theme
  /** The width of the content, without the margins. */
  readonly width: number
  /** The height of the content, without the title, the subtitle and the margins. */
  readonly height: number
  /** SVG elements. Their origin is the top left corner of the content. */
  readonly content: readonly string[]
}

const margin = 28
const head = 62

/** A whole figure: a title, a subtitle and the content. */
export function figure({ title, subtitle, theme, width, height, content }: Drawing): string {
  const lines = wordLines(subtitle, Math.max(width, 240))
  const full = {
    width: Math.ceil(Math.max(width, textWidth(title, 17) * 1.02, 240) + 2 * margin),
    height: Math.ceil(head + 16 * (lines.length - 1) + 14 + height + margin),
  }
  return svg(
    full,
    tooltip(title),
    element("rect", { ...full, fill: theme.background }),
    text(margin, 38, title, { size: 17, fill: theme.ink, bold: true }),
    ...lines.map((line, i) => text(margin, 58 + 16 * i, line, { size: 12, fill: theme.muted })),
    element("g", { transform: `translate(${margin} ${head + 16 * (lines.length - 1) + 14})` }, ...content),
  )
}

/** An SVG document. */
export function svg(size: { readonly width: number; readonly height: number }, ...content: readonly string[]): string {
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${size.width} ${size.height}`,
      ...size,
      role: "img",
      "font-family": "Inter, system-ui, 'Helvetica Neue', 'DejaVu Sans', sans-serif",
    },
    ...content,
  )
}

/** A `title` element. When the pointer is on its parent element, the page shows its text. */
export const tooltip = (content: string): string => element("title", {}, escape(content))

/** Breaks a text at its spaces into lines that fit in a width. A word wider than that gets a line of its own. */
function wordLines(content: string, width: number): string[] {
  const lines: string[] = []
  for (const word of content.split(" ")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`.trim()
    if (lines.length > 0 && textWidth(longer) * 0.96 <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** Escapes a text for XML. Control characters, lone surrogates, U+FFFE and U+FFFF become �. */
function escape(content: string): string {
  return (
    content
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches control characters
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff\p{Surrogate}]/gu, "�")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&apos;")
  )
}
