import type { Page } from "playwright"

/** Fills in fields of the form by their labels. */
export async function fill(page: Page, fields: Readonly<Record<string, number>>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) {
    await page.getByLabel(label, { exact: true }).fill(String(value))
    await page.keyboard.press("Tab")
  }
}

/** Begins a run with some fields filled in. */
export async function train(page: Page, fields: Readonly<Record<string, number>>): Promise<void> {
  await fill(page, fields)
  await page.getByRole("button", { name: "Train", exact: true }).click()
}

/** Until the run is in a phase. */
export const phase = (page: Page, name: string, timeout = 60_000): Promise<void> =>
  page.locator(`[data-phase="${name}"]`).waitFor({ timeout })

/** The last step of the run. */
export const stepOf = async (page: Page): Promise<number> =>
  Number(await page.locator("progress").getAttribute("value"))

/** Pauses the run, by a key, which figures that are drawn meanwhile cannot move away from under a pointer. */
export async function pause(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Pause" }).press("Enter")
  await phase(page, "paused")
}
