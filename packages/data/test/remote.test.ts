import { readFileSync } from "node:fs"
import { createServer, type Server, type ServerResponse } from "node:http"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { goldenPath } from "@vitrine/golden"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { createLoader, dataListing, openDataset, resolveData, resolveRemoteParquet } from "../src/node.ts"
import { remoteSource } from "../src/remote.ts"

const files = goldenPath("parquet")
const waits = [0, 0, 0]

interface Range {
  readonly body: Buffer
  readonly from: number
  readonly to: number
  readonly total: number
}

/** Answers a request for a range, or does something else. */
type Answer = (response: ServerResponse, range: Range) => void

const whole: Answer = (response, { body, from, to, total }) =>
  void response
    .writeHead(206, { "Content-Range": `bytes ${from}-${to - 1}/${total}`, "Content-Length": to - from, ETag: '"1"' })
    .end(body)

let seen: { readonly host: string | undefined; readonly token: string | undefined }[] = []
/** What happens to the next requests; `whole` after them. */
let faults: Answer[] = []
/** The server that has the files, another host that redirects to it, and their addresses. */
const servers: Server[] = []
let host = ""
let redirecting = ""

const serve = async (answer: Parameters<typeof createServer>[1]): Promise<number> => {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  return typeof address === "object" && address ? address.port : 0
}

beforeAll(async () => {
  const port = await serve(({ url = "", headers, method }, response) => {
    seen.push({ host: headers.host, token: headers.authorization })
    // As a signed address does.
    if (method !== "GET") return response.writeHead(403).end()
    const { pathname } = new URL(url, "http://x")
    const bytes = readFileSync(
      pathname.startsWith("/webdataset/") ? goldenPath(pathname.slice(1)) : join(files, pathname),
    )
    const [from = 0, end = 0] = (/^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "")?.slice(1) ?? []).map(Number)
    const to = Math.min(bytes.length, end + 1)
    const answer = faults.shift() ?? whole
    answer(response, { body: bytes.subarray(from, to), from, to, total: bytes.length })
  })
  host = `http://127.0.0.1:${port}`
  const other = await serve(({ url, headers }, response) => {
    seen.push({ host: headers.host, token: headers.authorization })
    response.writeHead(302, { Location: `${host}${url}` }).end()
  })
  redirecting = `http://localhost:${other}`
})
afterAll(() => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
})
beforeEach(() => {
  seen = []
  faults = []
})

const read = async (): Promise<string> => {
  const source = await remoteSource({ url: `${host}/zstd.parquet?signature=secret` }, { waits, patience: 200 })
  const bytes = await source.read(100, 5000)
  return Buffer.from(bytes).equals(readFileSync(join(files, "zstd.parquet")).subarray(100, 5000))
    ? "the same bytes"
    : "other"
}
const outcome = (): Promise<string> =>
  read().catch((error: unknown) => {
    expect(error).toSatisfy(VitrineError.isInstance)
    return error instanceof Error ? error.message.replace(host, "") : ""
  })
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end()

it.each<[string, Answer[]]>([
  ["answers 503 and 429", [status(503), status(429, { "Retry-After": "0" })]],
  ["cuts off", [(response) => void response.destroy()]],
  [
    "cuts off in the middle",
    [
      whole,
      (response, { body, from, to, total }) => {
        response.writeHead(206, { "Content-Range": `bytes ${from}-${to - 1}/${total}`, "Content-Length": body.length })
        response.write(body.subarray(0, 10), () => response.destroy())
      },
    ],
  ],
  [
    "sends fewer bytes than it says",
    [
      whole,
      (response, { body, from, to, total }) =>
        void response
          .writeHead(206, { "Content-Range": `bytes ${from}-${to - 1}/${total}`, ETag: '"1"' })
          .end(body.subarray(5)),
    ],
  ],
  ["falls silent", [() => {}]],
])("a server that %s is asked again, and gives the same bytes", async (_, answers) => {
  faults = answers
  expect(await outcome()).toBe("the same bytes")
})

const ranged =
  (from: number, to: number, total: number, tag = '"1"'): Answer =>
  (response, { body }) =>
    void response.writeHead(206, { "Content-Range": `bytes ${from}-${to}/${total}`, ETag: tag }).end(body)

it.each<[string, Answer[], RegExp]>([
  ["404", [status(404)], /^\/zstd\.parquet: does not exist \(status 404\)$/],
  ["403", [status(403)], /^\/zstd\.parquet: is refused: a signed address may have expired \(status 403\)$/],
  ["503 for ever", Array<Answer>(9).fill(status(503)), /^\/zstd\.parquet: its server answers 503; try again later$/],
  [
    "the whole file",
    [(response) => void response.writeHead(200).end("x")],
    /does not speak ranges: download the file$/,
  ],
  [
    "another range",
    [whole, ranged(0, 4899, 10_000)],
    /answers 206 with the range bytes 0-4899\/10000 to bytes 100-4999$/,
  ],
  [
    "another length",
    [whole, ranged(100, 4999, 99_999)],
    /^\/zstd\.parquet: has changed since it was opened: it was \d+ bytes, now it is 99999$/,
  ],
  [
    "more than was asked for",
    [(response) => void response.writeHead(206, { "Content-Range": "bytes 0-0/10680" }).end("many")],
    /sends more than it was asked for$/,
  ],
])("an answer of %s is an error of one line without the signature", async (_, answers, message) => {
  faults = answers
  const text = await outcome()
  expect(text).toMatch(message)
  expect(text).not.toContain("secret")
})

it("a token goes to its host alone", async () => {
  const source = await remoteSource({ url: `${redirecting}/zstd.parquet`, authorization: "Bearer secret" })
  expect(source.size).toBe(readFileSync(join(files, "zstd.parquet")).length)
  expect(seen.map(({ token }) => token)).toEqual(["Bearer secret", undefined])
})

it("a data set on a server gives the batches of a window on the disk", async () => {
  const order = { rows: 3, blocks: 2 }
  const batches = async (path: string): Promise<string[]> => {
    const { train } = await resolveData(path, { order })
    const loader = await createLoader({ source: train, order, batchSize: 5, shuffle: true, epochs: 2 })
    const texts: string[] = []
    for await (const { images } of loader) texts.push(Buffer.from(images.buffer).toString("base64"))
    return texts
  }
  for (const name of ["pages-v2-zstd", "none"])
    expect(await batches(`${host}/${name}.parquet`)).toEqual(await batches(join(files, "none.parquet")))
})

it("shards have the splits of their names, and the order is said", async () => {
  const names = ["data/train-00000-of-00002", "data/train-00001-of-00002", "data/validation-00000-of-00001"]
  const parts = names.map((name) => ({ url: `${host}/hub/${name}.parquet`, name: `${name}.parquet` }))
  const { train, val, notes } = await resolveRemoteParquet(parts, "set", {})
  const [training, validation] = [await openDataset(train), val && (await openDataset(val))]
  expect([training.classes, training.length, validation?.length]).toEqual([["cat", "dog", "owl"], 18, 6])
  expect(notes.at(-1)).toMatch(/^order: windowed:\d+x\d+, since the images are on a server: /)
  expect(await training.read(17)).toMatchObject({ height: 8, width: 8 })
  await expect(resolveData(`${host}/photos.zip`)).rejects.toThrow(
    "of addresses, those of .parquet files and of .tar shards are read; download others",
  )
  await expect(resolveData("http://[")).rejects.toThrow("an address of data is none that can be read")
})

it("shards of WebDataset on a server give the batches of a window on the disk", async () => {
  const order = { rows: 3, blocks: 2 }
  const batches = async (path: string): Promise<string[]> => {
    const { train } = await resolveData(path, { order, valFraction: 0.2 })
    const loader = await createLoader({ source: train, order, batchSize: 5, shuffle: true, epochs: 2 })
    const texts: string[] = []
    for await (const { images } of loader) texts.push(Buffer.from(images.buffer).toString("base64"))
    return texts
  }
  const pattern = "webdataset/cls/train-{000000..000002}.tar"
  faults = [status(503), whole, (response) => void response.destroy()]
  expect(await batches(`${host}/${pattern}?signature=secret`)).toEqual(await batches(goldenPath(pattern)))
})

it("shards on a server are counted once, and said to be read in windows", async () => {
  const address = `${host}/webdataset/json/{train,val}-000000.tar?signature=secret`
  const resolved = await resolveData(address)
  const { train, val, notes } = resolved
  expect(notes.slice(1)).toEqual([
    "the shards were read once to count their images: 61440 bytes",
    expect.stringMatching(/^order: windowed:\d+x\d+, since the images are on a server: /),
  ])
  const dataset = await openDataset(train)
  expect([dataset.classes, dataset.length, val && (await openDataset(val)).length]).toEqual([
    ["cat", "dog", "owl"],
    18,
    6,
  ])
  expect(dataset.describe(0)).toBe(`${host}/webdataset/json/train-000000.tar: 0001.png`)
  expect(await dataListing(resolved, "/")).toMatchObject({ files: 2, bytes: 61_440 })
  await expect(resolveData(address, { order: "exact" })).rejects.toThrow(
    "shards on a server are read in windows: leave out --order exact, or download them",
  )
})
