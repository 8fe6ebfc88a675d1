import { unescape } from "node:querystring"
import { VitrineError } from "@vitrine/core"
import { type Login, netrcLogin } from "./netrc.ts"

/** A project's file on a Python package index. */
export interface IndexFile {
  readonly name: string
  readonly url: string
}

/** A Python package index that is reached over HTTP. */
export interface PythonIndex {
  /** The address without user and password. */
  readonly url: string
  /**
   * A request to the index or to the server of its files. It sends the user and password of the address or of netrc, as
   * pip does.
   * @throws VitrineError (file) if there is no answer
   */
  fetch(url: string, init?: RequestInit): Promise<Response>
}

/** The environment variables with which pip and uv find their index. */
const variables = ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"]

/** @throws VitrineError (config) if the variable is no address */
export function pythonIndex(): PythonIndex {
  const variable = variables.find((name) => process.env[name]) ?? ""
  const text = process.env[variable] ?? "https://pypi.org/simple"
  const address = URL.canParse(text) ? new URL(text) : undefined
  if (address === undefined || !/^https?:$/.test(address.protocol))
    throw new VitrineError(
      "config",
      `${variable} is ${JSON.stringify(text.replace(/^.*@/s, "…@"))}; expected an address such as https://pypi.org/simple`,
    )
  const index = { origin: address.origin, login: loginOf(address) }
  return {
    url: `${address.origin}${address.pathname}`.replace(/\/+$/, ""),
    async fetch(url, init = {}) {
      const target = new URL(url)
      const login =
        loginOf(target) ??
        (target.origin === index.origin ? index.login : undefined) ??
        (await netrcLogin(target.hostname))
      target.username = ""
      target.password = ""
      const headers = new Headers(init.headers)
      if (login !== undefined) headers.set("authorization", basic(login))
      try {
        return await fetch(target, { ...init, headers })
      } catch (error) {
        if (init.signal?.aborted) throw error
        throw networkError(url, error)
      }
    },
  }
}

function loginOf({ username, password }: URL): Login | undefined {
  return username === "" && password === "" ? undefined : { user: unescape(username), password: unescape(password) }
}

const basic = ({ user, password }: Login): string => `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`

/** An address for error messages, without user and password. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

/** The error for a connection that failed or broke. */
export function networkError(url: string, error: unknown): VitrineError {
  const { message, cause } = error instanceof Error ? error : new Error(String(error))
  const reason = cause instanceof Error ? cause.message : message
  return new VitrineError(
    "file",
    `${new URL(url).host} cannot be reached (${reason}): check the network, or name a mirror in PIP_INDEX_URL`,
    { cause: error },
  )
}

/** The error for an answer without success. */
export function refusal(url: string, { status, statusText }: Response): VitrineError {
  const login = status === 401 || status === 403 ? "; give user and password in PIP_INDEX_URL or in ~/.netrc" : ""
  return new VitrineError("file", `${shownUrl(url)} answers ${status} ${statusText}`.trimEnd() + login)
}

/** The greatest number of bytes of a project's page. */
const mostBytes = 2 ** 24

/**
 * Lists all files of a project by the simple repository API (PEP 503).
 * @throws VitrineError (file) if the index cannot be reached, does not know the project, or answers with over 16 MiB
 */
export async function indexFiles(index: PythonIndex, project: string, signal?: AbortSignal): Promise<IndexFile[]> {
  const page = `${index.url}/${project}/`
  const response = await index.fetch(page, { headers: { accept: "text/html" }, ...(signal ? { signal } : {}) })
  if (!response.ok) throw refusal(page, response)
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length
      if (length > mostBytes) break
      chunks.push(chunk)
    }
  } catch (error) {
    if (signal?.aborted) throw error
    throw networkError(page, error)
  }
  if (length > mostBytes) throw new VitrineError("file", `${shownUrl(page)} answers with over ${mostBytes} bytes`)
  return linksOf(Buffer.concat(chunks).toString("utf8"), page)
}

/** The links of a project's page. */
function linksOf(html: string, page: string): IndexFile[] {
  const links = html.matchAll(/<a\s[^<>]{0,4096}?href="([^"<>#]{1,4096})[^<>]{0,8192}>\s*([^<\s]{1,1024})\s*<\/a>/g)
  return [...links].flatMap(([, href = "", name = ""]) => {
    const path = href.replaceAll("&amp;", "&")
    return URL.canParse(path, page) ? [{ name, url: new URL(path, page).href }] : []
  })
}
