import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import * as interpret from "../src/index.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const { figureTable } = interpret
const code = (name: string): string => `\`${name}\``

test("the README has the table of figures", () => {
  const rows = figureTable.map(({ name, shows, data, from, svg, source }) =>
    `| ${[code(name), shows, code(data), from, svg.map(code).join(", "), source].join(" | ")} |`.replaceAll("  ", " "),
  )
  const [, , ...found] = readme.slice(readme.indexOf("| figure |")).split("\n\n", 1)[0]?.split("\n") ?? []
  expect(found).toEqual(rows)
})

test("every figure has the functions that its row names, and the README names every function that draws", () => {
  for (const { data, svg } of figureTable)
    for (const name of [data, ...svg]) expect(interpret, name).toHaveProperty(name, expect.any(Function))
  for (const name of Object.keys(interpret).filter((each) => each.endsWith("Figure")))
    expect(readme).toContain(code(name))
})
