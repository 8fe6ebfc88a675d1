// Keeps the whole site, the engine too, so that it works offline. `version` and `files` stand above in the build.
self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(version)
      .then((cache) => cache.addAll(files))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== version).map((name) => caches.delete(name))))
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
  const response = await caches.match(request, { ignoreSearch: true, ignoreVary: true })
  if (response === undefined) throw new TypeError(`${request.url} is not kept`)
  return response
}
