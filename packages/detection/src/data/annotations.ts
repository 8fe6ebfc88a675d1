import type { Objects } from "./objects.ts"

/** An image as an annotation file describes it. */
export interface AnnotatedImage {
  /** As the file gives it: a name, or a path below some folder. */
  readonly file: string
  readonly width: number
  readonly height: number
  /** Which part of the data it belongs to, where the file says so. */
  readonly split?: string
  readonly objects: Objects
}

/** An object as an annotation file gives it, not yet checked. */
export interface RawObject {
  /** Names it in an error. */
  readonly name: string
  /** x0, y0, x1, y1: anything. */
  readonly box: readonly unknown[]
  readonly label: number
  readonly area?: unknown
  readonly crowd: boolean
}

/**
 * The objects that can be used: boxes of finite numbers with area inside of the image. A box that reaches out of it is cut;
 * that, and what is left out, is told to `fault` in a line.
 */
export function usable(
  raw: readonly RawObject[],
  width: number,
  height: number,
  fault: (line: string) => void,
): Objects {
  const boxes: number[] = []
  const kept: RawObject[] = []
  for (const object of raw) {
    const box = checked(object, width, height, fault)
    if (box === undefined) continue
    boxes.push(...box)
    kept.push(object)
  }
  const areaOf = ({ area }: RawObject, i: number): number => {
    if (typeof area === "number" && Number.isFinite(area) && area > 0) return area
    const [x0, y0, x1, y1] = boxes.slice(4 * i, 4 * i + 4) as [number, number, number, number]
    return (x1 - x0) * (y1 - y0)
  }
  return {
    boxes: Float64Array.from(boxes),
    labels: Int32Array.from(kept, ({ label }) => label),
    areas: Float64Array.from(kept, areaOf),
    crowd: Uint8Array.from(kept, ({ crowd }) => Number(crowd)),
  }
}

function checked(
  { name, box }: RawObject,
  width: number,
  height: number,
  fault: (line: string) => void,
): readonly number[] | undefined {
  const shown = (): string => JSON.stringify(box)?.slice(0, 80)
  if (box.length !== 4 || !box.every((x) => typeof x === "number" && Number.isFinite(x))) {
    fault(`${name}: its box ${shown()} is not four finite numbers; left out`)
    return undefined
  }
  const [x0, y0, x1, y1] = box as readonly number[] as readonly [number, number, number, number]
  if (x1 <= x0 || y1 <= y0) {
    fault(`${name}: its box, corners ${shown()}, has no area; left out`)
    return undefined
  }
  if (x0 >= 0 && y0 >= 0 && x1 <= width && y1 <= height) return [x0, y0, x1, y1]
  const cut = [Math.max(0, x0), Math.max(0, y0), Math.min(width, x1), Math.min(height, y1)] as const
  if (cut[2] <= cut[0] || cut[3] <= cut[1]) {
    fault(`${name}: its box, corners ${shown()}, lies outside of the image of ${width}×${height}; left out`)
    return undefined
  }
  fault(`${name}: its box, corners ${shown()}, reaches out of the image of ${width}×${height}; cut`)
  return cut
}

export const isSize = (n: unknown): n is number =>
  Number.isSafeInteger(n) && (n as number) > 0 && (n as number) < 2 ** 24
