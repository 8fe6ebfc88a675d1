import type { Page } from "playwright"

/** Drops files and folders of the disk on an element, as from a file manager. */
export async function drop(page: Page, selector: string, paths: readonly string[]): Promise<void> {
  const target = page.locator(selector).first()
  await target.scrollIntoViewIfNeeded()
  const box = await target.boundingBox()
  if (box === null) throw new Error(`${selector} is not to be seen`)
  const at = { x: box.x + box.width / 2, y: box.y + Math.min(box.height / 2, 20) }
  const debuggers = await page.context().newCDPSession(page)
  const data = { items: [], files: [...paths], dragOperationsMask: 1 }
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await debuggers.send("Input.dispatchDragEvent", { type, ...at, data })
  await debuggers.detach()
}
