import type { JSX, TargetedPointerEvent } from "preact"
import { useRef } from "preact/hooks"
import { useWidth } from "./width.ts"

export interface Box {
  readonly key: string | number
  /** Corners as shares of the picture. */
  readonly corners: readonly [x0: number, y0: number, x1: number, y1: number]
  /** The name of the box's colour. */
  readonly tone: string
  /** How strongly the box is drawn. The pointer does not react to dashed boxes. */
  readonly weight: "strong" | "plain" | "faint" | "idle" | "dashed"
  readonly label?: string
}

/** Boxes over a picture. A box has a label if there is room. */
export function Boxes(props: {
  readonly boxes: readonly Box[]
  /** Width divided by height. */
  readonly aspect: number
  readonly onPoint?: (key: Box["key"] | null) => void
  readonly onChoose?: (key: Box["key"] | null) => void
}): JSX.Element {
  const { boxes, aspect, onPoint, onChoose } = props
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame, 1)
  const height = width / aspect
  /** The smallest box under the pointer. */
  const under = (event: TargetedPointerEvent<Element> | MouseEvent): Box["key"] | null => {
    const field = frame.current?.getBoundingClientRect()
    if (field === undefined) return null
    const [x, y] = [(event.clientX - field.left) / field.width, (event.clientY - field.top) / field.height]
    const candidates = boxes.filter(
      ({ weight, corners: [x0, y0, x1, y1] }) => weight !== "dashed" && x >= x0 && x <= x1 && y >= y0 && y <= y1,
    )
    return candidates.sort((a, b) => area(a) - area(b))[0]?.key ?? null
  }
  const ordered = boxes.toSorted((a, b) => order.indexOf(a.weight) - order.indexOf(b.weight))
  return (
    <div
      class={onChoose === undefined ? "boxes" : "boxes alive"}
      ref={frame}
      aria-hidden="true"
      {...(onPoint && {
        onPointerMove: (event: TargetedPointerEvent<HTMLDivElement>) => onPoint(under(event)),
        onPointerLeave: () => onPoint(null),
      })}
      {...(onChoose && { onClick: (event: MouseEvent) => onChoose(under(event)) })}
    >
      <svg viewBox={`0 0 ${width} ${height}`}>
        {ordered.map(({ key, corners: [x0, y0, x1, y1], tone, weight }) => {
          const place = { x: x0 * width, y: y0 * height, width: (x1 - x0) * width, height: (y1 - y0) * height, rx: 2 }
          return (
            <g key={key} class={`box ${weight} ${tone}`}>
              <rect class="casing" {...place} />
              <rect class="line" {...place} />
            </g>
          )
        })}
        {placeLabels(boxes, width, height).map(({ box, text, x, y, wide }) => (
          <g key={box.key} class={`box-name ${box.tone}`}>
            <rect x={x} y={y} width={wide} height={tall} rx={2} />
            <text x={x + 5} y={y + 13.5}>
              {text}
            </text>
          </g>
        ))}
      </svg>
    </div>
  )
}

const order: readonly Box["weight"][] = ["idle", "faint", "plain", "dashed", "strong"]

const area = ({ corners: [x0, y0, x1, y1] }: Box): number => (x1 - x0) * (y1 - y0)

const tall = 19

interface Label {
  readonly box: Box
  readonly text: string
  readonly x: number
  readonly y: number
  readonly wide: number
}

/** Places labels above, below or in their boxes. No label covers another one or leaves the picture. */
function placeLabels(boxes: readonly Box[], width: number, height: number): Label[] {
  const labels: Label[] = []
  const rank = ({ weight }: Box): number => (weight === "strong" ? 0 : 1)
  for (const box of boxes.toSorted((a, b) => rank(a) - rank(b))) {
    if (box.label === undefined) continue
    const text = box.label
    const wide = widthOf(text) + 10
    const [left, top, , bottom] = box.corners
    const x = Math.max(0, Math.min(width - wide, left * width - 1.25))
    const free = (y: number): boolean =>
      y >= 0 &&
      y + tall <= height &&
      labels.every((p) => x + wide <= p.x || p.x + p.wide <= x || y + tall <= p.y || p.y + tall <= y)
    const places = [top * height - tall, bottom * height, top * height, bottom * height - tall]
    const y = places.find(free) ?? (box.weight === "strong" ? Math.max(0, top * height) : undefined)
    if (y !== undefined) labels.push({ box, text, x, y, wide })
  }
  return labels
}

let pen: OffscreenCanvasRenderingContext2D | null | undefined

function widthOf(text: string): number {
  pen ??= new OffscreenCanvas(1, 1).getContext("2d")
  if (pen === null) return 7 * text.length
  pen.font = "600 12px system-ui, sans-serif"
  return pen.measureText(text).width
}
