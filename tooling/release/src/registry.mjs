import { createHash } from "node:crypto"
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { runServer } from "verdaccio"
import { openTarball } from "./faults.mjs"
import { pack, stage } from "./pack.mjs"

/**
 * Packs the packages of this build, and publishes them to a registry of their own. All files are in a folder.
 * @param port 0 for a free one
 */
export async function publishBuild(folder, port = 0) {
  const registry = await startRegistry(join(folder, "registry"), port)
  stage(join(folder, "workspace"))
  const packed = await pack(join(folder, "workspace"), join(folder, "tarballs"))
  for (const { tarball } of packed) await registry.publish(tarball)
  return { packed, registry }
}

/**
 * A registry on this machine's loopback, in a folder. It holds what is published to it, and passes other packages on
 * from npm's registry.
 */
async function startRegistry(storage, port) {
  const upstream = execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim()
  const all = { access: "$all", publish: "$all", unpublish: "$all" }
  const config = {
    self_path: storage,
    storage,
    auth: { htpasswd: { file: `${storage}/htpasswd` } },
    uplinks: { npm: { url: upstream, cache: true, maxage: "1d", max_fails: 100 } },
    packages: { vitrine: all, "create-vitrine": all, "@vitrine/*": all, "**": { access: "$all", proxy: "npm" } },
    max_body_size: "100mb",
    web: { enable: false },
    log: { type: "stdout", format: "json", level: "fatal" },
  }
  const server = await runServer(config)
  server.listen(port, "127.0.0.1")
  await once(server, "listening").catch((error) => {
    throw error.code === "EADDRINUSE" ? new Error(`port ${port} is taken: name another (--port)`) : error
  })
  const url = `http://127.0.0.1:${server.address().port}/`
  return {
    url,
    publish: (tarball) => publish(url, tarball),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Publishes a tarball by the registry's API, as `npm publish` does. */
async function publish(registry, tarball) {
  const { manifest, paths, read } = openTarball(tarball)
  const { name, version } = manifest
  const file = `${name}-${version}.tgz`
  const hash = (algorithm, encoding) => createHash(algorithm).update(tarball).digest(encoding)
  const dist = {
    integrity: `sha512-${hash("sha512", "base64")}`,
    shasum: hash("sha1", "hex"),
    tarball: new URL(`${name}/-/${file}`, registry).href,
  }
  const readme = paths.includes("README.md") ? read("README.md") : ""
  const body = {
    _id: name,
    name,
    readme,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
    _attachments: {
      [file]: { content_type: "application/octet-stream", data: tarball.toString("base64"), length: tarball.length },
    },
  }
  const response = await fetch(new URL(encodeURIComponent(name), registry), {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${name}: the registry answers ${response.status}: ${await response.text()}`)
}
