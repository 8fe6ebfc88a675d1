import { readdirSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { expect, test } from "vitest"
import { readSurface, report, reportFile } from "../src/surface.mjs"

const surface = readSurface()
const reports = new URL("../reports/", import.meta.url)

test.each(surface)("$name exports what its report says; npm run api writes it anew", (entry) => {
  expect(report(entry)).toBe(readFileSync(reportFile(entry), "utf8"))
})

test("every report is that of an entry", () => {
  expect(readdirSync(reports).toSorted()).toEqual(surface.map((entry) => basename(reportFile(entry))).toSorted())
})

test("every export has a documentation comment", () => {
  const silent = surface.flatMap(({ exports }) => exports.filter((each) => each.isOwn && each.documentation === ""))
  expect(silent.map(({ name, file }) => `${name} in ${file}`)).toEqual([])
})
