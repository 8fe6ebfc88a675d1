import { useSignal } from "@preact/signals"
import type { RefObject } from "preact"
import { useLayoutEffect } from "preact/hooks"

/** The width of an element in pixels. Drawings use it to keep their letters at the same size. */
export function useWidth(box: RefObject<HTMLElement | null>, least = 240): number {
  const width = useSignal(640)
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const watcher = new ResizeObserver(() => {
      width.value = Math.max(least, element.clientWidth)
    })
    watcher.observe(element)
    return () => watcher.disconnect()
  }, [])
  return width.value
}
