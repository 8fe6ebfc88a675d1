import axe from "axe-core"
import type { Page } from "playwright"

/** What axe finds wrong with a page, a line each. */
export async function violations(page: Page): Promise<string[]> {
  // The page's policy forbids scripts that are put into it; the debugger may.
  await page.evaluate(axe.source)
  const found = await page.evaluate(async () => {
    const { axe: tool } = window as unknown as {
      axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }> }
    }
    return (await tool.run()).violations
  })
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary?.slice(0, 200)}`),
  )
}
