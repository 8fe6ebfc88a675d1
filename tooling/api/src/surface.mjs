// What each entry of each public package exports, read from the declarations of the last build. The compiler is
// TypeScript 6, since that of TypeScript 7 has no programming interface.
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript-6"

const inOrder = (a, b) => (a < b ? -1 : 1)
const root = fileURLToPath(new URL("../../..", import.meta.url))
const packages = join(root, "packages")

/** The entries of all packages: the name that a program imports, the declarations, and the folder of the package. */
function entries() {
  return readdirSync(packages).flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(packages, folder, "package.json"), "utf8"))
    return Object.entries(manifest.exports).flatMap(([path, target]) => {
      const { types } = target
      if (types === undefined) return []
      return [{ name: join(manifest.name, path), package: manifest.name, file: join(packages, folder, types) }]
    })
  })
}

const printer = ts.createPrinter({ removeComments: true })

/** A declaration without comments, as it stands in a module. */
function plainText(declaration) {
  const statement = statementOf(declaration)
  return printer
    .printNode(ts.EmitHint.Unspecified, statement, declaration.getSourceFile())
    .replace(/^export (default )?/, "")
    .replace(/^declare /, "")
}

/** The statement of a variable, and any other declaration itself. */
const statementOf = (declaration) => (ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration)

function kindOf(declaration) {
  if (ts.isFunctionDeclaration(declaration)) return "function"
  if (ts.isClassDeclaration(declaration)) return "class"
  if (ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration)) return "type"
  return "value"
}

/** The properties that an interface declares itself, with their types and documentation. */
function membersOf(checker, declaration) {
  if (!ts.isInterfaceDeclaration(declaration)) return []
  return declaration.members.filter(ts.isPropertySignature).map((member) => ({
    name: member.name.getText(),
    type: member.type?.getText() ?? "",
    documentation: ts.displayPartsToString(
      checker.getSymbolAtLocation(member.name)?.getDocumentationComment(checker) ?? [],
    ),
  }))
}

/** The text of a declaration with its comments, without the leading one. */
const sourceText = (declaration) =>
  statementOf(declaration)
    .getText()
    .replace(/^export (default )?/, "")
    .replace(/^declare /, "")

/**
 * All entries, each with its exports by name. An export has the package that declares it, its kind, its documentation,
 * its declarations with and without comments, and the types of the package that they need and the entry does not export.
 */
export function readSurface() {
  return (surface ??= makeSurface())
}

/** @type {ReturnType<typeof makeSurface> | undefined} */
let surface

function makeSurface() {
  const all = entries()
  const missing = all.find(({ file }) => !existsSync(file))
  if (missing !== undefined) throw new Error(`${missing.file} is not there: npm run build`)
  const program = ts.createProgram(
    all.map(({ file }) => file),
    {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2023.d.ts"],
      types: [],
      skipLibCheck: true,
      noLib: false,
    },
  )
  const checker = program.getTypeChecker()
  const packageOf = (file) => {
    const [folder = ""] = relative(packages, file).split("/")
    return file.startsWith(`${packages}/`) && !file.includes("node_modules") ? folder : null
  }
  const resolve = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)

  const exportsOf = ({ file }) => checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))
  // What the main entry of a package exports too is not repeated for its other entries.
  const main = new Map(
    all
      .filter((entry) => entry.name === entry.package)
      .map((entry) => [entry.name, new Map(exportsOf(entry).map((symbol) => [symbol.name, resolve(symbol)]))]),
  )

  return all.map((entry) => {
    const names = exportsOf(entry)
    const exported = new Map(names.map((symbol) => [symbol.name, resolve(symbol)]))
    const namespaces = new Map(names.map((symbol) => [symbol.name, namespaceDocumentation(symbol)]))
    const home = packageOf(entry.file)
    const hidden = new Map()
    const visited = new Set(exported.values())
    const visit = (node) => {
      if (ts.isIdentifier(node)) {
        const found = checker.getSymbolAtLocation(node)
        if (found !== undefined) need(resolve(found))
      }
      ts.forEachChild(node, visit)
    }
    const need = (symbol) => {
      const declarations = topLevel(symbol)
      if (visited.has(symbol) || declarations.length === 0) return
      visited.add(symbol)
      if (packageOf(declarations[0].getSourceFile().fileName) !== home) return
      hidden.set(symbol.name, declarations.map(plainText).join("\n"))
      for (const declaration of declarations) visit(statementOf(declaration))
    }
    const exports = Array.from(exported, ([name, symbol]) => {
      const declarations = symbol.declarations ?? []
      const owner = packageOf(declarations[0].getSourceFile().fileName)
      const isRepeated = entry.name !== entry.package && main.get(entry.package)?.get(name) === symbol
      const isOwn = owner === home && !isRepeated
      if (isOwn) for (const declaration of declarations) visit(statementOf(declaration))
      return {
        name,
        owner: `${owner === "vitrine" ? "" : "@vitrine/"}${owner}`,
        isOwn,
        kind: kindOf(declarations[0]),
        file: relative(packages, declarations[0].getSourceFile().fileName),
        documentation: namespaces.get(name) ?? ts.displayPartsToString(symbol.getDocumentationComment(checker)),
        tags: symbol.getJsDocTags(checker).map(({ name: tag, text }) => ({ tag, text: ts.displayPartsToString(text) })),
        text: declarations.map(sourceText).join("\n"),
        members: declarations.flatMap((declaration) => membersOf(checker, declaration)),
        plain: declarations.map(plainText).join("\n"),
      }
    })
    const byName = (a, b) => inOrder(a.name, b.name)
    return {
      ...entry,
      exports: exports.sort(byName),
      hidden: Array.from(hidden, ([name, plain]) => ({ name, plain })).sort(byName),
    }
  })
}

/** The documentation of `export * as name`, which stands at the statement. */
function namespaceDocumentation(symbol) {
  const [declaration] = symbol.declarations ?? []
  if (declaration === undefined || !ts.isNamespaceExport(declaration)) return null
  const [comment] = ts.getJSDocCommentsAndTags(declaration.parent)
  return ts.getTextOfJSDocComment(comment?.comment) ?? ""
}

/** The declarations of a symbol that stand at the top level of a module. */
function topLevel(symbol) {
  return (symbol.declarations ?? []).filter((declaration) => ts.isSourceFile(statementOf(declaration).parent ?? {}))
}

/** The report of an entry: what it exports, sorted, and the types that these declarations need beside. */
export function report({ name, exports, hidden }) {
  const others = exports.filter(({ isOwn }) => !isOwn)
  const lines = [`// What ${name} exports. Written by \`npm run api\`.`, ""]
  for (const owner of [...new Set(others.map((each) => each.owner))].sort(inOrder)) {
    const names = others.filter((each) => each.owner === owner).map((each) => each.name)
    lines.push(`export { ${names.join(", ")} } from "${owner}"`, "")
  }
  for (const { isOwn, plain } of exports) if (isOwn) lines.push(`export ${plain}`, "")
  if (hidden.length > 0) lines.push("// Needed by these, and not exported by this entry:", "")
  for (const { plain } of hidden) lines.push(plain, "")
  return `${lines.join("\n").trimEnd()}\n`
}

/** The file of an entry's report. */
export const reportFile = ({ name }) =>
  fileURLToPath(new URL(`../reports/${name.replace("@vitrine/", "").replaceAll("/", "-")}.txt`, import.meta.url))
