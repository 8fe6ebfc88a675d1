import type { ByteSource } from "@vitrine/archive"
import { VitrineError } from "@vitrine/core"
import { messageOf } from "./message.ts"

/** A file on a server. */
export interface RemoteFile {
  readonly url: string
  /** The header `Authorization`, which goes to the host of `url` alone. */
  readonly authorization?: string | undefined
  /** The number of bytes if it is known; otherwise the server is asked. */
  readonly bytes?: number | undefined
}

export interface RemoteOptions {
  /** Milliseconds before each new try. */
  readonly waits?: readonly number[]
  /** Milliseconds of silence after which a try ends. */
  readonly patience?: number
}

const usual = { waits: [250, 1000, 4000, 16_000], patience: 30_000 }
/** Milliseconds that a server may ask to wait. */
const longestWait = 60_000

/** Whether a text is an address of a file on a server. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text)

/** An address without user, password and query, which may hold secrets. */
export function plainAddress(url: string): string {
  const { origin, pathname } = new URL(url)
  // A pattern with braces stays one.
  return `${origin}${pathname.replaceAll("%7B", "{").replaceAll("%7D", "}")}`
}

/** The name of a file in messages: its path, or its address without secrets. */
export const addressOrPath = (path: string): string => (isAddress(path) ? plainAddress(path) : path)

/** A file on a server, opened. */
export interface RemoteSource extends ByteSource {
  /** What the server says of the content: the ETag, or else the time of its last change. */
  readonly version: string | undefined
}

/** A failure that may be temporary. */
class Passing extends VitrineError {
  readonly wait: number | undefined
  constructor(message: string, wait?: number, cause?: unknown) {
    super("file", message, { cause })
    this.wait = wait
  }
}

/**
 * Opens a file on a server that speaks ranges. Each read is one request, which is tried again after a cut-off, a
 * silence, or an answer of 429 or 5xx. All reads have to come from the same content.
 * @throws VitrineError (file) for a server that does not speak ranges, a refusal, and a length that does not fit
 */
export async function remoteSource(file: RemoteFile, options: RemoteOptions = {}): Promise<RemoteSource> {
  const { waits = usual.waits, patience = usual.patience } = options
  const name = plainAddress(file.url)
  let size = file.bytes
  let version: Version = {}
  const attempt = async (begin: number, end: number): Promise<Uint8Array> => {
    const response = await ask(file, name, begin, end, patience)
    const { status, headers } = response.answer
    const fail = (fault: string): never => {
      response.end()
      throw new VitrineError("file", `${name}: ${fault}`)
    }
    if (status === 200) fail("its server does not speak ranges: download the file")
    const [from, to, total] = (
      /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "")?.slice(1) ?? []
    ).map(Number)
    if (status !== 206 || total === undefined || from !== begin || to !== Math.min(end, total) - 1)
      fail(`its server answers ${status} with the range ${headers.get("content-range")} to bytes ${begin}-${end - 1}`)
    const present = versionOf(headers)
    if (isOther(version, present) || (size !== undefined && total !== size))
      fail(`has changed since it was opened${total === size ? "" : `: it was ${size} bytes, now it is ${total}`}`)
    size = total
    version = { ...present, ...version }
    return response.bytes(Math.min(end, size ?? end) - begin)
  }
  const read = async (begin: number, end: number): Promise<Uint8Array> => {
    if (begin >= end) return new Uint8Array()
    for (let tries = 0; ; tries++) {
      try {
        return await attempt(begin, end)
      } catch (error) {
        const wait = waits[tries]
        if (!(error instanceof Passing) || wait === undefined) throw error
        await new Promise((resolve) => setTimeout(resolve, Math.min(longestWait, error.wait ?? wait)))
      }
    }
  }
  // A signed address often refuses HEAD, but it gives the size with any range.
  await read(0, 1)
  return { name, size: size ?? 0, version: version.tag ?? version.modified, read }
}

/** What a server says of the content of a file. */
interface Version {
  readonly tag?: string
  readonly modified?: string
}

function versionOf(headers: Headers): Version {
  const [tag, modified] = [headers.get("etag"), headers.get("last-modified")]
  return { ...(tag !== null && { tag }), ...(modified !== null && { modified }) }
}

/** Whether the content is another one: by its tag, or by its time where there is no tag. */
function isOther(a: Version, b: Version): boolean {
  const [before, present] = a.tag === undefined || b.tag === undefined ? [a.modified, b.modified] : [a.tag, b.tag]
  return before !== undefined && present !== undefined && before !== present
}

interface RangeAnswer {
  readonly answer: Response
  /** Reads the body, which has to be as long. */
  bytes(length: number): Promise<Uint8Array>
  end(): void
}

async function ask(
  { url, authorization }: RemoteFile,
  name: string,
  begin: number,
  end: number,
  patience: number,
): Promise<RangeAnswer> {
  const ending = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const watch = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => ending.abort(), patience)
  }
  const stop = (): void => {
    clearTimeout(timer)
    ending.abort()
  }
  const passing = (error: unknown): Passing => {
    stop()
    if (error instanceof Passing) return error
    const { cause }: { readonly cause?: unknown } = Object(error)
    const { code }: { readonly code?: unknown } = Object(cause)
    const silent = ending.signal.aborted && timer !== undefined && Object(error).name === "AbortError"
    const why = silent ? `no answer in ${patience / 1000} s` : typeof code === "string" ? code : messageOf(error)
    return new Passing(`${name}: cannot be read (${why})`, undefined, error)
  }
  watch()
  const { username, password } = new URL(url)
  const login =
    username === "" ? authorization : `Basic ${btoa(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)}`
  const address = new URL(url)
  address.username = ""
  address.password = ""
  const headers = { Range: `bytes=${begin}-${end - 1}`, "Accept-Encoding": "identity" }
  // fetch drops the authorization where a redirection leads to another host.
  const answer = await fetch(address, {
    headers: login === undefined ? headers : { ...headers, Authorization: login },
    signal: ending.signal,
  }).catch((error: unknown) => {
    throw passing(error)
  })
  const { status } = answer
  if (!answer.ok) {
    stop()
    const after = Number(answer.headers.get("retry-after") ?? Number.NaN)
    if (status === 429 || status >= 500)
      throw new Passing(
        `${name}: its server answers ${status}; try again later`,
        Number.isFinite(after) ? 1000 * after : undefined,
      )
    const reasons: Record<number, string> = {
      401: "needs a login",
      403: "is refused: a signed address may have expired",
      404: "does not exist",
      416: `has no bytes ${begin}-${end - 1}`,
    }
    throw new VitrineError("file", `${name}: ${reasons[status] ?? "cannot be read"} (status ${status})`)
  }
  return {
    answer,
    end: stop,
    async bytes(length) {
      const bytes = new Uint8Array(length)
      let done = 0
      try {
        for await (const chunk of answer.body ?? []) {
          watch()
          if (done + chunk.length > length)
            throw new VitrineError("file", `${name}: its server sends more than it was asked for`)
          bytes.set(chunk, done)
          done += chunk.length
        }
      } catch (error) {
        if (VitrineError.isInstance(error)) {
          stop()
          throw error
        }
        throw passing(error)
      }
      stop()
      if (done < length) throw new Passing(`${name}: its server sends ${done} of ${length} bytes`)
      return bytes
    },
  }
}
