import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { taskNames } from "@vitrine/checkpoint"
import { activationNames } from "@vitrine/core"
import { figureNames } from "@vitrine/interpret"
import { decayNames, lossNames, optimizerNames, optimizerSpellings } from "@vitrine/trainer"
import { backends } from "vitrine"
import { expect, test } from "vitest"
import { backends as commandBackends } from "../../../apps/cli/src/backends.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** The names in each table, by the table's name in the marks of documents. */
const tables: Readonly<Record<string, readonly string[]>> = {
  activations: activationNames,
  backends: Object.keys(backends),
  decays: decayNames,
  figures: figureNames,
  losses: lossNames,
  optimizers: optimizerNames,
  recipes: readdirSync(join(root, "recipes")).flatMap((file) => /^(.+)\.ts$/.exec(file)?.[1] ?? []),
  tasks: taskNames,
}

// A list that must not drift from its table has a mark before and after: <!-- list: optimizers -->`sgd`, …<!-- end -->
const mark = /<!-- list: ([^>]*?) -->(.*?)<!-- end -->/gs

const documents = [
  "README.md",
  ...readdirSync(join(root, "docs")).flatMap((file) => (file.endsWith(".md") ? [`docs/${file}`] : [])),
  ...["packages", "apps", "tooling"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}/README.md`),
  ),
].filter((document) => existsSync(join(root, document)))

const lists = documents.flatMap((document) =>
  Array.from(readFileSync(join(root, document), "utf8").matchAll(mark), ([, table = "", text = ""]) => ({
    document,
    table,
    names: Array.from(text.matchAll(/`([^`]+)`/g), ([, name = ""]) => name),
  })),
)

const sorted = (names: readonly string[] = []): string[] => names.toSorted((a, b) => (a < b ? -1 : 1))

test.each(lists)("the list of $table in $document is the table", ({ table, names }) => {
  expect(Object.keys(tables)).toContain(table)
  expect(sorted(names)).toEqual(sorted(tables[table]))
})

test.each(Object.keys(tables))("a document lists the %s", (table) => {
  expect(lists.map((list) => list.table)).toContain(table)
})

/** The help of a command of the last build, on one line. */
const help = (command: string): string =>
  execFileSync(process.execPath, [join(root, "apps/cli/bin/vitrine.js"), command, "--help"], {
    encoding: "utf8",
  }).replaceAll(/\s+/g, " ")

const [train, predict, inspect] = [help("train"), help("predict"), help("inspect")]

/** The choices of a flag. */
function choices(text: string, flag: string): string[] {
  const [, , list = ""] = new RegExp(`${flag} <(\\w+)>.*?\\(choices: ([^:)]*)`).exec(text) ?? []
  return Array.from(list.matchAll(/"([^"]+)"/g), ([, name = ""]) => name)
}

test.each([
  { flag: "--activation", text: train, names: activationNames },
  { flag: "--optimizer", text: train, names: optimizerSpellings },
  { flag: "--schedule", text: train, names: decayNames },
  { flag: "--backend", text: predict, names: ["auto", ...Object.keys(commandBackends)] },
])("the help of $flag has the names of its table", ({ text, flag, names }) => {
  expect(sorted(choices(text, flag))).toEqual(sorted(names))
})

test("the help of train has every task, and that of inspect every figure", () => {
  expect(choices(train, "--task")).toEqual(expect.arrayContaining([...taskNames]))
  const [, figures = ""] = /--figure <names> [^:]*: all, (.*?) -/.exec(inspect) ?? []
  expect(figures.split(", ")).toEqual(figureNames)
})
