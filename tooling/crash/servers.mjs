// Servers that commands fetch from, with a hub of one model and a Python index of one wheel.
import { createHash } from "node:crypto"
import { createServer } from "node:http"

const commit = "0123456789abcdef0123456789abcdef01234567"

/** @param {(url: string, response: import("node:http").ServerResponse) => unknown} answer */
async function listen(answer) {
  const server = createServer(({ url = "/" }, response) => void answer(url, response))
  await new Promise((resolve) => void server.listen(0, "127.0.0.1", () => resolve(undefined)))
  const address = server.address()
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { address: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, close }
}

/**
 * A hub with the model `owner/model`.
 * @param {Readonly<Record<string, Buffer>>} files
 */
export function hub(files) {
  const git = (bytes) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex")
  const tree = Object.entries(files).map(([path, bytes]) => ({
    type: "file",
    path,
    size: bytes.length,
    oid: git(bytes),
  }))
  const info = { _id: "1", id: "owner/model", sha: commit, private: false, gated: false, downloads: 1, likes: 1 }
  return listen((url, response) => {
    const file = files[url.split("/").at(-1) ?? ""]
    const json = url.includes("/tree/") ? tree : { ...info, lastModified: "2024-01-01T00:00:00.000Z" }
    if (url.includes("/resolve/")) return response.writeHead(file === undefined ? 404 : 200).end(file)
    return response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(json))
  })
}

/**
 * A Python index with one wheel.
 * @param {string} name
 * @param {Uint8Array} bytes
 */
export function pythonIndex(name, bytes) {
  return listen((url, response) => response.end(url.endsWith(".whl") ? bytes : `<a href="/files/${name}">${name}</a>`))
}
