import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { program } from "../../cli/dist/program.js"
import { deadLinks } from "../src/links.mjs"
import { findPages, searchIndex } from "../src/search.mjs"
import { stagedPages } from "../src/stage.mjs"
import { questions } from "./questions.mjs"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const { pages } = await stagedPages()

test("no link of the site leads nowhere", () => {
  expect(deadLinks(pages)).toEqual([])
})

const index = searchIndex(pages)

test.each(questions)("who asks as %s, %s, finds the page among the first three", (_, title, right) => {
  const found = findPages(index, title).slice(0, 3)
  expect(found.filter((page) => right.includes(page))).not.toEqual([])
})

const manifest: { scripts: Record<string, string> } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

/** The command lines in the `sh` blocks of the pages, each on one line and without comments. */
const lines = Array.from(pages).flatMap(([page, text]) =>
  Array.from(text.matchAll(/^```sh\n(.*?)^```/gms), ([, block = ""]) => block)
    .flatMap((block) => block.replaceAll(/\\\n\s*/g, "").split("\n"))
    .map((line) => ({
      page,
      line: line
        .replace(/\s+#.*$/, "")
        .replace(/^(\w+=\S+ )+/, "")
        .trim(),
    })),
)

/** The words of a command line of `vitrine`, or null. */
function words(line: string): string[] | null {
  const [, rest] = /^(?:npx )?(?:vitrine|@vitrine\/cli) (.*)$/.exec(line) ?? []
  if (rest === undefined || /[$<…]|\[flags\]/.test(rest)) return null
  return Array.from(rest.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g), ([, a, b, c]) => a ?? b ?? c ?? "")
}

const commandLines = new Map(lines.flatMap(({ page, line }) => (words(line) === null ? [] : [[line, page]])))

test("the documents show many commands", () => expect(commandLines.size).toBeGreaterThan(80))

test.each([...commandLines])("%s, of %s, is a command that the program takes", async (line) => {
  const all = words(line) ?? []
  const [name = ""] = all
  const { cli } = await program(all)
  const command = cli.commands.find((each) => each.name() === name)
  if (name === "--help") return
  expect(command, `a command ${name}`).toBeDefined()
  command?.action(() => {})
  await cli.parseAsync(all, { from: "user" })
})

test("the documents run scripts that exist", () => {
  const scripts = lines.flatMap(({ page, line }) => {
    const [, script] = /^npm run (\S+)/.exec(line) ?? []
    const isOurs = !page.startsWith("tutorials/") && !page.startsWith("how-to/")
    return script === undefined || !isOurs ? [] : [script]
  })
  expect(scripts.filter((script) => manifest.scripts[script] === undefined)).toEqual([])
})

// Headings of the page are parts of messages. A message that changes must change there.
test("the errors that the site explains are errors of the code", () => {
  const page = pages.get("reference/errors") ?? ""
  const messages = Array.from(page.matchAll(/^### (.+)$/gm), ([, message = ""]) => message)
  const sources = ["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name, "src")),
  )
  const code = sources
    .filter((source) => existsSync(source))
    .flatMap((source) => readdirSync(source, { recursive: true, encoding: "utf8" }).map((file) => join(source, file)))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n")
  expect(messages.length).toBeGreaterThan(15)
  expect(messages.filter((message) => !code.includes(message))).toEqual([])
})
