// Keeps the parts of the site that the reader used, so that they work offline: the guide from the first visit on, a room
// once it was opened, an engine once it computed, and everything when the reader asks for it. On hosts that send no headers
// it gives the pages cross-origin isolation, without which an engine has one thread.
// The build puts `prefix`, `version`, `shell` and `files` above. Other sites of this origin have caches too.
const name = prefix + version
const all = new Set(files)

self.addEventListener("install", (event) => {
  // Until the last open page of an older version is closed, that version's worker serves it: its parts are gone from the host.
  event.waitUntil(usedBefore().then((used) => keep([...shell, ...used])))
})

self.addEventListener("activate", (event) => {
  event.waitUntil(
    olderCaches()
      .then((older) => Promise.all(older.map((other) => caches.delete(other))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener("fetch", (event) => {
  const { request } = event
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return
  event.respondWith(request.mode === "navigate" ? page(request) : part(event))
})

// A page names the files that it fetched before this worker was there, or asks for all.
self.addEventListener("message", (event) => {
  const wanted = event.data === "all" ? files : event.data.map((address) => new URL(address).pathname)
  const done = keep(wanted.filter((file) => all.has(file))).then(
    () => event.ports[0]?.postMessage("kept"),
    () => event.ports[0]?.postMessage("failed"),
  )
  event.waitUntil(done)
})

async function page(request) {
  const response = await fetch(request).catch(async () => (await kept(request)) ?? (await kept(shell[0])))
  return response === undefined ? Response.error() : isolated(response)
}

async function part(event) {
  const { request } = event
  const old = await kept(request)
  if (old !== undefined) return isolated(old)
  const response = await fetch(request)
  const { pathname } = new URL(request.url)
  if (response.ok && response.status === 200 && all.has(pathname)) {
    const copy = response.clone()
    event.waitUntil(caches.open(name).then((cache) => cache.put(pathname, copy)))
  }
  return isolated(response)
}

async function kept(request) {
  const cache = await caches.open(name)
  return cache.match(request, { ignoreSearch: true, ignoreVary: true })
}

/** Fetches files into the cache, those that are not there. */
async function keep(wanted) {
  const cache = await caches.open(name)
  const there = new Set((await cache.keys()).map(({ url }) => new URL(url).pathname))
  const missing = [...new Set(wanted)].filter((file) => !there.has(file))
  // Files without a hash in their name may be of the last version in the browser's own cache.
  await cache.addAll(
    missing.map((file) => new Request(file, { cache: file.includes("/assets/") ? "default" : "no-cache" })),
  )
}

async function olderCaches() {
  const names = await caches.keys()
  return names.filter((other) => other.startsWith(prefix) && other !== name)
}

/** The files of this version in the place of those that an older one kept. Their names differ by a hash. */
async function usedBefore() {
  const stem = (file) => file.replace(/-[\w-]{8}(\.\w+)$/, "$1")
  const stems = new Set()
  for (const other of await olderCaches())
    for (const { url } of await (await caches.open(other)).keys()) stems.add(stem(new URL(url).pathname))
  return files.filter((file) => stems.has(stem(file)))
}

/** A response that lets the page be isolated, and be part of an isolated page. */
function isolated(response) {
  if (
    response.type === "opaqueredirect" ||
    response.status === 0 ||
    response.headers.has("Cross-Origin-Embedder-Policy")
  )
    return response
  const headers = new Headers(response.headers)
  headers.set("Cross-Origin-Opener-Policy", "same-origin")
  headers.set("Cross-Origin-Embedder-Policy", "require-corp")
  headers.set("Cross-Origin-Resource-Policy", "same-origin")
  const { status, statusText } = response
  return new Response(response.body, { status, statusText, headers })
}
