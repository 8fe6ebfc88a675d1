import axe from "axe-core"
import type { Page } from "playwright"

declare global {
  interface Window {
    readonly axe: typeof axe
  }
}

/** The faults that axe finds on a page, a line each: by all its rules, or by those about colours alone. */
export async function violations(page: Page, rules: "all" | "colours" = "all"): Promise<string[]> {
  // The page's policy forbids scripts that are put into it; the debugger may.
  await page.evaluate(axe.source)
  const faults = await page.evaluate(async (options) => (await window.axe.run(options)).violations, {
    ...(rules === "colours" && { runOnly: ["color-contrast", "link-in-text-block"] }),
  })
  return faults.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary?.slice(0, 200)}`),
  )
}

/**
 * What axe finds in light by all its rules, and in dark by those about colours. Colours must not be in motion while axe
 * reads them: open the page with `reducedMotion: "reduce"`.
 */
export async function violationsInBothThemes(page: Page): Promise<string[]> {
  const appearance = page.getByLabel("Appearance")
  await appearance.selectOption("light")
  const light = await violations(page)
  await appearance.selectOption("dark")
  const dark = await violations(page, "colours")
  await appearance.selectOption("light")
  return [...light, ...dark.map((fault) => `dark: ${fault}`)]
}

/** Whether the page is as wide as its window. */
export const fits = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth === document.documentElement.clientWidth)
