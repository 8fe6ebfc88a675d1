import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readSurface } from "@vitrine/api"
import { DockerfileParser } from "dockerfile-ast"
import { parseSync } from "oxc-parser"
import { expect, test } from "vitest"
import { parse } from "yaml"
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
  const messages = Array.from<RegExpExecArray, string>(
    page.matchAll(/^(?:### (.+)|\| `([^`]+)` \| \w.*)$/gm),
    ([, heading, cell = ""]) => heading ?? cell,
  ).flatMap((message) => message.split("…").map((part) => part.trim()))
  const sources = ["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name, "src")),
  )
  const code = sources
    .filter((source) => existsSync(source))
    .flatMap((source) => readdirSync(source, { recursive: true, encoding: "utf8" }).map((file) => join(source, file)))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n")
  expect(messages.length).toBeGreaterThan(50)
  expect(messages.filter((message) => !code.includes(message))).toEqual([])
})

// The other blocks of the documents. TypeScript is compiled by tooling/readme, and what documents say step by step is
// done by `npm run test:release`.

const blocks = Array.from(pages).flatMap(([page, text]) =>
  Array.from(text.matchAll(/^```(\w*)\n(.*?)^```/gms), ([, language = "", code = ""]) => ({ page, language, code })),
)
const of = (...languages: readonly string[]): typeof blocks =>
  blocks.filter(({ language }) => languages.includes(language))

test("every language of blocks has a test", () => {
  const tested = ["", "ts", "js", "tsx", "html", "sh", "json", "yaml", "dockerfile", "python"]
  expect([...new Set(blocks.map(({ language }) => language))].filter((language) => !tested.includes(language))).toEqual(
    [],
  )
})

/** The scripts of pages of HTML, each a module of its own. */
const scripts = of("html").flatMap(({ page, code }) =>
  Array.from(code.matchAll(/<script type="module">(.*?)<\/script>/gs), ([, script = ""]) => ({ page, code: script })),
)

const exported = new Map(readSurface().map(({ name, exports }) => [name, new Set(exports.map((each) => each.name))]))

test("blocks of JavaScript can be parsed, and import what the packages export", () => {
  const faults: string[] = []
  for (const { page, code } of [...of("js", "tsx"), ...scripts]) {
    const { errors, module } = parseSync("block.tsx", code)
    for (const { message } of errors) faults.push(`${page}: ${message}`)
    for (const { moduleRequest, entries } of module.staticImports) {
      const names = exported.get(moduleRequest.value)
      if (names === undefined && !/^(vitrine|@vitrine\/)/.test(moduleRequest.value)) continue
      for (const { importName } of entries)
        if (importName.name != null && !names?.has(importName.name))
          faults.push(`${page}: ${moduleRequest.value} has no ${importName.name}`)
    }
  }
  expect(faults).toEqual([])
})

test("blocks of commands are scripts of a shell", () => {
  const script = of("sh")
    .map(({ code }) => code.replaceAll(/\[flags\]|[<>[\]]/g, ""))
    .map((code, place) => `block${place}() {\n:\n${code}\n}`)
    .join("\n")
  expect(execFileSync("bash", ["-n"], { input: script, encoding: "utf8" })).toBe("")
})

/** The packages that the workspace depends on, its own, and two that only documents name. */
const names = new Set([
  ...Array.from(
    readFileSync(join(root, "pnpm-lock.yaml"), "utf8").matchAll(/^ {2}'?((?:@[\w-]+\/)?[\w.-]+)@[^:]+:$/gm),
    ([, name = ""]) => name,
  ),
  ...Array.from(exported.keys(), (name) => name.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? name),
  "@vitrine/cli",
  "create-vitrine",
  "esbuild",
  "@tensorflow/tfjs-backend-webgpu",
])

test("what commands install, run and name is there", () => {
  const faults: string[] = []
  for (const { page, code } of of("sh"))
    for (const raw of code.replaceAll(/\\\n\s*/g, "").split("\n")) {
      const line = raw.replace(/\s+#.*$/, "").replace(/^(\w+=\S+ )+/, "")
      const [, installed = ""] = /^npm install (.*)/.exec(line) ?? []
      for (const name of installed.split(" ").filter((word) => word !== "" && !word.startsWith("-")))
        if (!names.has(name)) faults.push(`${page}: ${name} is no package that is known here`)
      for (const [path] of line.matchAll(/\b(?:packages|tooling|apps|recipes)\/[\w./-]+\.(?:mjs|py|ts)\b/g))
        if (!existsSync(join(root, path))) faults.push(`${page}: ${path} is not there`)
    }
  expect(faults).toEqual([])
})

test("blocks of JSON, YAML and Docker can be parsed", () => {
  for (const { code } of of("json")) expect(JSON.parse(code)).toBeTypeOf("object")
  for (const { code } of of("yaml")) expect(parse(code, { strict: true })).toBeTypeOf("object")
  const known = new Set(["FROM", "WORKDIR", "ENV", "RUN", "VOLUME", "ENTRYPOINT"])
  for (const { code } of of("dockerfile")) {
    const instructions = DockerfileParser.parse(code).getInstructions()
    expect(instructions.map((each) => each.getKeyword()).filter((keyword) => !known.has(keyword))).toEqual([])
    expect(instructions[0]?.getKeyword()).toBe("FROM")
  }
})
