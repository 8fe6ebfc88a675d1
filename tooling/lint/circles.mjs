// Refuses circles of imports among source files. Imports of types and dynamic imports count too.
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { parseSync, Visitor } from "oxc-parser"

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.tsx"])
  .toString()
  .split("\n")
  .filter((file) => file.includes("/src/"))
  .map((file) => resolve(file))
const isSource = new Set(files)

/** The source files that a file imports, re-exports, or names in a type. */
function importsOf(file) {
  const { program, errors } = parseSync(file, readFileSync(file, "utf8"))
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  const imports = new Set()
  const add = (source) => {
    const path = source?.type === "Literal" && resolve(dirname(file), source.value)
    if (isSource.has(path)) imports.add(path)
  }
  new Visitor({
    ImportDeclaration: ({ source }) => add(source),
    ExportNamedDeclaration: ({ source }) => add(source),
    ExportAllDeclaration: ({ source }) => add(source),
    ImportExpression: ({ source }) => add(source),
    TSImportType: ({ source, argument }) => add(source ?? argument?.literal),
  }).visit(program)
  return imports
}

const graph = new Map(files.map((file) => [file, importsOf(file)]))

/** The strongly connected components with more than one file (Tarjan, 1972). */
function circles() {
  const order = new Map()
  const low = new Map()
  const stack = []
  const components = []
  const visit = (file) => {
    order.set(file, order.size)
    low.set(file, order.get(file))
    stack.push(file)
    for (const next of graph.get(file)) {
      if (!order.has(next)) visit(next)
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)))
    }
    if (low.get(file) !== order.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1 || graph.get(file).has(file)) components.push(circle)
  }
  for (const file of files) if (!order.has(file)) visit(file)
  return components
}

const all = circles()
for (const circle of all)
  console.error(`circle of imports:\n${circle.map((file) => `  ${file.slice(resolve().length + 1)}`).join("\n")}`)
if (all.length > 0) process.exitCode = 1
else console.log(`${files.length} source files, no circle of imports`)
