// Keeps the whole site, the engine too, so that it works offline. `prefix`, `version` and `files` stand above in the build.
// Other sites of this origin have caches too.
const name = prefix + version

self.addEventListener("install", (event) => {
  // Not from the browser's own cache, which may hold a page of the last version.
  const requests = files.map((file) => new Request(file, { cache: "no-cache" }))
  // Until the last open page of an older version is closed, that version's worker serves it: its parts are gone from the host.
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(requests)))
})

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((other) => other.startsWith(prefix) && other !== name))
      .then((older) => Promise.all(older.map((other) => caches.delete(other))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener("fetch", (event) => {
  const { request } = event
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return
  const page = request.mode === "navigate"
  event.respondWith(page ? fetch(request).catch(() => kept(request)) : kept(request).catch(() => fetch(request)))
})

async function kept(request) {
  const cache = await caches.open(name)
  const response = await cache.match(request, { ignoreSearch: true, ignoreVary: true })
  if (response === undefined) throw new TypeError(`${request.url} is not kept`)
  return response
}
