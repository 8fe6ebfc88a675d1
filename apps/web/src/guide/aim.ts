let release = (): void => {}

/** By how many pixels a step may lie off before the reader is taken to have scrolled. */
const slack = 24

/**
 * Brings a step to the top of the window. It stays there while figures above it are drawn and change their heights, until
 * the reader scrolls or another step is aimed at.
 */
export function aimAt(id: string): void {
  release()
  const [target, content] = [document.getElementById(id), document.getElementById("content")]
  if (target === null || content === null) return
  let [top, height] = [0, 0]
  const aim = (): void => {
    target.scrollIntoView({ behavior: "instant", block: "start" })
    ;({ top } = target.getBoundingClientRect())
    ;({ height } = content.getBoundingClientRect())
  }
  const onScroll = (): void => {
    // A change of the page's height moves the step too. Then the observer aims again.
    const isSameHeight = content.getBoundingClientRect().height === height
    if (isSameHeight && Math.abs(target.getBoundingClientRect().top - top) > slack) release()
  }
  const heights = new ResizeObserver(aim)
  release = () => {
    heights.disconnect()
    removeEventListener("scroll", onScroll)
  }
  aim()
  heights.observe(content)
  addEventListener("scroll", onScroll, { passive: true })
}

/** Scrolls to the step in the address, now and whenever the address changes. Returns a function that ends this. */
export function followAddress(): () => void {
  const follow = (): void => aimAt(location.hash.slice(1))
  follow()
  addEventListener("hashchange", follow)
  return () => {
    removeEventListener("hashchange", follow)
    release()
  }
}
