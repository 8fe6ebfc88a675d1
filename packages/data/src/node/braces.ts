import { VitrineError } from "@vitrine/core"

/** More files than this are not meant. */
const mostFiles = 100_000

/**
 * Expands a path with braces, as a shell does: `train-{000..009}.tar`, `{train,val}.tar`. Undefined for a path without.
 * @throws VitrineError (config)
 */
export function bracePattern(path: string): readonly string[] | undefined {
  const found = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(path)
  if (found === null) return undefined
  const [, before = "", inside = "", after = ""] = found
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(inside) ?? []
  if (from === undefined && !inside.includes(",")) return undefined
  const items = from === undefined || to === undefined ? inside.split(",") : numbers(path, from, to)
  const files = items.flatMap((item) => {
    const expanded = `${before}${item}${after}`
    return bracePattern(expanded) ?? [expanded]
  })
  if (files.length > mostFiles) throw new VitrineError("config", `${path}: stands for more than ${mostFiles} files`)
  return files
}

function numbers(path: string, from: string, to: string): string[] {
  const count = Number(to) - Number(from) + 1
  if (!(count >= 1 && count <= mostFiles))
    throw new VitrineError(
      "config",
      `${path}: {${from}..${to}} stands for ${count} files; 1 to ${mostFiles} can be read`,
    )
  return Array.from({ length: count }, (_, i) => String(Number(from) + i).padStart(from.length, "0"))
}
