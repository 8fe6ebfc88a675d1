import { parseSync } from "oxc-parser"

/**
 * What a module asks for: whether it is an ES module, the specifiers that it imports or exports from, dynamic imports
 * and types included, and the files that it names by `new URL("./…", import.meta.url)`.
 */
export function requests(path, source) {
  const { hasModuleSyntax, staticImports, staticExports, dynamicImports } = parseSync(path, source).module
  const specifiers = [
    ...staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...staticExports.flatMap((each) => each.entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? [])),
    ...dynamicImports.flatMap(
      ({ moduleRequest: { start, end } }) => /^(["'])(.*)\1$/.exec(source.slice(start, end))?.[2] ?? [],
    ),
    ...(path.endsWith(".d.ts") ? Array.from(source.matchAll(/\bimport\("([^"\n]+)"\)/g), ([, name]) => name) : []),
  ]
  const files = Array.from(source.matchAll(/new URL\("(\.[^"\n]+)", import\.meta\.url\)/g), ([, file]) => file)
  return { hasModuleSyntax, specifiers: new Set(specifiers), files: new Set(files) }
}
