import { VitrineError } from "@vitrine/core"

/** A file of a project on a Python package index. */
export interface IndexFile {
  readonly name: string
  readonly url: string
  /** In lower-case hexadecimal digits. */
  readonly sha256: string
}

/** The package index of pip and uv. */
export const pythonIndex = (): string =>
  process.env.PIP_INDEX_URL ?? process.env.UV_DEFAULT_INDEX ?? process.env.UV_INDEX_URL ?? "https://pypi.org/simple"

export function networkError(url: string, why: unknown): VitrineError {
  const { message, cause } = why as Error
  const reason = cause instanceof Error ? cause.message : message
  return new VitrineError(
    "file",
    `${new URL(url).host} cannot be reached (${reason}): check the network, or name a mirror in PIP_INDEX_URL`,
    { cause: why },
  )
}

/**
 * All files of a project that have a SHA-256, by the simple repository API (PEP 503).
 * @throws VitrineError (file) where the index cannot be reached or does not know the project.
 */
export async function indexFiles(project: string, signal?: AbortSignal): Promise<IndexFile[]> {
  const page = `${pythonIndex().replace(/\/+$/, "")}/${project}/`
  let html: string
  try {
    const response = await fetch(page, { headers: { accept: "text/html" }, ...(signal ? { signal } : {}) })
    if (!response.ok) throw new VitrineError("file", `${page} answers ${response.status} ${response.statusText}`)
    html = await response.text()
  } catch (error) {
    if (VitrineError.isInstance(error) || signal?.aborted) throw error
    throw networkError(page, error)
  }
  const links = html.matchAll(/<a\s[^>]*href="([^"#]+)#sha256=([0-9a-f]{64})"[^>]*>\s*([^<\s]+)\s*<\/a>/g)
  return [...links].map(([, href = "", sha256 = "", name = ""]) => ({
    name,
    url: new URL(href.replaceAll("&amp;", "&"), page).href,
    sha256,
  }))
}

const numbers = (version: string): number[] => version.split(".").map(Number)

/** Less than 0 where the first release is older than the second. */
export function compareReleases(a: string, b: string): number {
  const [x, y] = [numbers(a), numbers(b)]
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The version in a wheel's name, or undefined for anything but a release: `name-version(-build)?-python-abi-platform.whl`. */
export function releaseOf(file: IndexFile): string | undefined {
  const version = file.name.endsWith(".whl") ? file.name.split("-")[1] : undefined
  return version !== undefined && /^\d+(\.\d+)*$/.test(version) ? version : undefined
}
