import { VitrineError } from "@vitrine/core"
import type { HubName } from "../name.ts"
import { isDatasetRepo } from "./api.ts"
import type { HubSettings } from "./settings.ts"

/** Milliseconds without data after which a server counts as unreachable. */
const defaultPatience = (Number(process.env.HF_HUB_DOWNLOAD_TIMEOUT) || 30) * 1000

/** The least bytes a second of a file, over the time of `patience`. */
const leastRate = 1024

/** A failure that may be temporary, so that a retry can succeed. */
export class Passing extends VitrineError {}

/** The server has no bytes from the place that was asked for. */
export class NoSuchRange extends Passing {}

export interface Requests {
  /** For answers in JSON: at most 200 of them, of at most 16 MiB each and 32 MiB in all. */
  readonly api: typeof fetch
  /** For files. The body of the answer fails after a silence, and where it is slower than 1 KiB a second. */
  readonly file: (url: string, headers: Record<string, string>) => Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: AsyncIterable<Uint8Array>
}

const mostBytes = 2 ** 24
const mostAnswers = 200
/** The bytes of all answers: those of some 100,000 files. */
const mostListed = 2 ** 25

/**
 * Makes requests to one hub for one model. Failures are VitrineErrors. The token is sent only to the hub, not to the
 * addresses of redirections.
 */
export function requests(
  name: HubName,
  { endpoint, authorization }: HubSettings,
  signal: AbortSignal | undefined,
  patience: number = defaultPatience,
  mostInAll: number = mostListed,
): Requests {
  const origin = new URL(endpoint).origin
  let answers = 0
  let all = 0

  const ask = async (url: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (authorization !== undefined && new URL(url).origin === origin) headers.set("Authorization", authorization)
    const response = await fetch(url, { ...init, headers }).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw unreachable(endpoint, error, patience)
    })
    if (response.ok) return response
    await response.body?.cancel().catch(() => {})
    throw refusal(name, endpoint, authorization !== undefined, response)
  }

  return {
    api: async (input, init = {}) => {
      if (++answers > mostAnswers)
        throw new VitrineError("file", `${endpoint}: gives over ${mostAnswers} pages of files`)
      const limit = AbortSignal.timeout(patience)
      const response = await ask(String(input), { ...init, signal: signal ? AbortSignal.any([limit, signal]) : limit })
      const chunks: Uint8Array[] = []
      let length = 0
      try {
        for await (const chunk of response.body ?? []) {
          length += chunk.length
          if (length > mostBytes) break
          chunks.push(chunk)
        }
      } catch (error) {
        signal?.throwIfAborted()
        throw unreachable(endpoint, error, patience)
      }
      if (length > mostBytes)
        throw new VitrineError("file", `${endpoint}: answers with over ${mostBytes} bytes of JSON`)
      all += length
      if (all > mostInAll) throw new VitrineError("file", `${endpoint}: lists files in over ${mostInAll} bytes of JSON`)
      const { status, headers } = response
      return new Response(Buffer.concat(chunks), { status, headers: { link: headers.get("link") ?? "" } })
    },

    file: async (url, headers) => {
      const stalled = new AbortController()
      const watch = setTimeout(() => stalled.abort(new DOMException("stalled", "TimeoutError")), patience).unref()
      const signals = signal ? AbortSignal.any([stalled.signal, signal]) : stalled.signal
      const response = await ask(url, { headers, signal: signals })
      async function* body(): AsyncGenerator<Uint8Array> {
        try {
          let since = performance.now()
          let bytes = 0
          for await (const chunk of response.body ?? []) {
            watch.refresh()
            bytes += chunk.length
            yield chunk
            if (performance.now() - since < patience) continue
            if (bytes < leastRate * (patience / 1000))
              throw new Passing("file", `${endpoint}: sends less than ${leastRate} bytes a second; try again later`)
            since = performance.now()
            bytes = 0
          }
        } catch (error) {
          signal?.throwIfAborted()
          throw unreachable(endpoint, error, patience)
        } finally {
          clearTimeout(watch)
        }
      }
      return { status: response.status, headers: response.headers, body: body() }
    },
  }
}

/** A failed connection as an error of one line. */
function unreachable(endpoint: string, error: unknown, patience: number): VitrineError {
  if (VitrineError.isInstance(error)) return error
  const why = isTimeout(error) ? `no answer in ${patience / 1000} s` : reasonOf(error)
  return new Passing(
    "file",
    `${endpoint}: cannot be reached (${why}); with HF_HUB_OFFLINE=1 the cache alone is asked`,
    {
      cause: error,
    },
  )
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === "TimeoutError"

/** The reason of a failed request: the system's code, or the message of the cause or of the error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message || error.message
}

/** The error for an answer without success. */
function refusal({ repo, revision }: HubName, endpoint: string, hasToken: boolean, response: Response): VitrineError {
  const { status, headers } = response
  const code = headers.get("X-Error-Code")
  const model = `hf:${repo}`
  const kind = isDatasetRepo(repo) ? "data set" : "model"
  const login = hasToken ? "the token that was sent does not open it" : "set HF_TOKEN to a token that may read it"
  if (code === "GatedRepo")
    return new VitrineError("file", `${model}: is gated: accept its terms at ${endpoint}/${repo}; ${login}`)
  if (code === "RevisionNotFound") return new VitrineError("file", `${model}: has no revision "${revision}"`)
  // The hub answers that a model does not exist if it is private.
  if (status === 404 || code === "RepoNotFound")
    return new VitrineError("file", `${model}: ${endpoint} has no such ${kind}, or it is private: ${login}`)
  if (status === 401 || status === 403)
    return new VitrineError("file", `${model}: ${endpoint} does not give it (status ${status}): ${login}`)
  if (status === 416) return new NoSuchRange("file", `${model}: ${endpoint} has fewer bytes than it lists (status 416)`)
  if (status === 429)
    return new Passing("file", `${endpoint}: takes no more requests for now (status 429); try again later`)
  const Fault = status >= 500 ? Passing : VitrineError
  return new Fault("file", `${model}: ${endpoint} answers with status ${status}`)
}
