import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export const commit: string = "0123456789abcdef0123456789abcdef01234567"

/** What a test wants to go wrong. */
export interface Faults {
  /** Status and X-Error-Code of every answer of the API. */
  api?: { readonly status: number; readonly code?: string }
  /** Status and X-Error-Code of every file. */
  resolve?: { readonly status: number; readonly code?: string }
  /** Breaks the connection after so many bytes of a large file, once for each number. */
  breaks?: number[]
  /** Sends so many bytes of a large file and then nothing, once for each number. */
  stalls?: number[]
  /** Sends other bytes than those listed. */
  corrupt?: boolean
  /** Takes no notice of ranges. */
  noRanges?: boolean
  /** Answers every range with status 416. */
  refusesRanges?: boolean
  /** Sends more than is listed. */
  tail?: Uint8Array
  /** Entries of the tree in place of the real ones. */
  tree?: unknown
  /** The address of the next page of that tree. */
  next?: string
  /** A tree that never ends. */
  endless?: boolean
  /** Bytes a second of large files. */
  rate?: number
}

export interface HubServer {
  readonly endpoint: string
  /** Requests to the hub and to where its large files are: method, path, range, token. */
  readonly seen: {
    readonly at: "hub" | "cdn"
    readonly path: string
    readonly range?: string
    readonly token?: string
  }[]
  faults: Faults
  close(): Promise<void>
}

export interface Repository {
  readonly name: string
  readonly files: Readonly<Record<string, Uint8Array>>
  /** Stored as large files, by their SHA-256. */
  readonly large: readonly string[]
  readonly revisions?: readonly string[]
}

const sha = (algorithm: string, ...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}
export const gitHash = (bytes: Uint8Array): string => sha("sha1", `blob ${bytes.length}\0`, bytes)
export const sha256 = (bytes: Uint8Array): string => sha("sha256", bytes)

/** A hub of one repository, whose large files come from another address as the real one's do. */
export async function hubServer({ name, files, large, revisions = ["main"] }: Repository): Promise<HubServer> {
  const seen: HubServer["seen"] = []
  const tree = Object.entries(files).map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: gitHash(large.includes(path) ? Buffer.from(`pointer to ${path}`) : bytes),
    ...(large.includes(path) ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } } : {}),
  }))
  const state = { faults: {} as Faults }
  const note = (at: "hub" | "cdn", { url = "", headers }: IncomingMessage): void => {
    const { range, authorization } = headers
    seen.push({ at, path: url, ...(range ? { range } : {}), ...(authorization ? { token: authorization } : {}) })
  }

  const cdn = await listen(async (request, response) => {
    note("cdn", request)
    const path = decodeURIComponent((request.url ?? "").slice(1))
    const { corrupt, noRanges, tail, rate, breaks, stalls } = state.faults
    const whole = Buffer.concat([files[path] as Uint8Array, tail ?? new Uint8Array()])
    if (corrupt) whole[whole.length >> 1] = ~(whole[whole.length >> 1] as number)
    if (state.faults.refusesRanges && request.headers.range !== undefined) return response.writeHead(416).end()
    const from = noRanges ? 0 : Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0)
    const body = whole.subarray(from)
    const partial = request.headers.range !== undefined && !noRanges
    response.writeHead(partial ? 206 : 200, {
      "Content-Length": body.length,
      ETag: `"${sha256(files[path] as Uint8Array)}"`,
      ...(partial ? { "Content-Range": `bytes ${from}-${whole.length - 1}/${whole.length}` } : {}),
    })
    if (request.method === "HEAD") return response.end()
    const broken = breaks?.shift()
    const stalled = stalls?.shift()
    const end = Math.min(body.length, broken ?? stalled ?? body.length)
    const step = rate === undefined ? 65_536 : Math.ceil(rate / 20)
    for (let at = 0; at < end; at += step) {
      response.write(body.subarray(at, Math.min(end, at + step)))
      if (rate !== undefined) await new Promise((resolve) => setTimeout(resolve, 50))
      if (response.destroyed) return
    }
    if (broken !== undefined) setTimeout(() => response.destroy(), 20)
    else if (stalled === undefined) response.end()
  })

  const hub = await listen((request, response) => {
    note("hub", request)
    const url = new URL(request.url ?? "/", "http://hub")
    const fail = (status: number, code?: string): void => {
      response.writeHead(status, { "Content-Type": "application/json", ...(code ? { "X-Error-Code": code } : {}) })
      response.end(JSON.stringify({ error: `says ${code ?? status}` }))
    }
    const json = (value: unknown, headers = {}): void => {
      response
        .writeHead(200, { "Content-Type": "application/json; charset=utf-8", ...headers })
        .end(JSON.stringify(value))
    }
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname)
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname)
    const isKnown = (revision: string): boolean => [...revisions, commit].includes(decodeURIComponent(revision))
    if (api) {
      const { api: fault, tree: other, endless, next: following } = state.faults
      if (fault) return fail(fault.status, fault.code)
      if (api[1] !== name) return fail(401, "RepoNotFound")
      if (!isKnown(api[3] as string)) return fail(404, "RevisionNotFound")
      if (api[2] === "revision")
        return json({
          _id: "1",
          id: name,
          modelId: name,
          sha: commit,
          private: false,
          gated: false,
          downloads: 1,
          likes: 1,
          lastModified: "2024-01-01T00:00:00.000Z",
          siblings: tree.map(({ path }) => ({ rfilename: path })),
        })
      // Two pages, as long listings come.
      const cursor = Number(url.searchParams.get("cursor") ?? 0)
      const half = Math.ceil(tree.length / 2)
      const next = `<${endpoint}${url.pathname}?recursive=false&cursor=${cursor + half}>; rel="next"`
      if (other !== undefined) return json(other, following === undefined ? {} : { Link: `<${following}>; rel="next"` })
      return json(tree.slice(cursor, cursor + half), endless || cursor + half < tree.length ? { Link: next } : {})
    }
    if (resolve) {
      const [, repo, revision, file] = resolve.map(decodeURIComponent) as [string, string, string, string]
      const bytes = files[file]
      const { resolve: fault, corrupt } = state.faults
      if (fault) return fail(fault.status, fault.code)
      if (repo !== name) return fail(401, "RepoNotFound")
      if (!isKnown(revision)) return fail(404, "RevisionNotFound")
      if (bytes === undefined) return fail(404, "EntryNotFound")
      const common = { "X-Repo-Commit": commit, "Accept-Ranges": "bytes" }
      if (large.includes(file)) {
        const linked = { "X-Linked-Size": bytes.length, "X-Linked-ETag": `"${sha256(bytes)}"` }
        response
          .writeHead(302, { ...common, ...linked, Location: `${addressOf(cdn)}/${encodeURIComponent(file)}` })
          .end()
        return
      }
      const sent = corrupt ? Buffer.from(bytes).fill(32, 0, 1) : bytes
      response.writeHead(200, { ...common, ETag: `"${gitHash(bytes)}"`, "Content-Length": sent.length })
      response.end(request.method === "HEAD" ? undefined : sent)
      return
    }
    fail(404)
  })
  const endpoint = addressOf(hub)
  return {
    endpoint,
    seen,
    get faults() {
      return state.faults
    },
    set faults(faults) {
      state.faults = faults
    },
    close: async () => {
      for (const server of [hub, cdn]) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    },
  }
}

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<Server> {
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return server
}
