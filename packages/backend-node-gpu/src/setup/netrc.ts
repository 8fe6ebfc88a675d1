import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"

/** The user name and password for a host. */
export interface Login {
  readonly user: string
  readonly password: string
}

/**
 * Finds the login of a host in the file that `NETRC` names, or else in `~/.netrc` or `~/_netrc`, as Python's `requests`
 * does. An unreadable file has none.
 */
export async function netrcLogin(host: string): Promise<Login | undefined> {
  const { NETRC } = process.env
  for (const path of NETRC === undefined ? [".netrc", "_netrc"].map((name) => join(homedir(), name)) : [NETRC]) {
    const text = await readFile(path, "utf8").catch(() => undefined)
    if (text !== undefined) return loginIn(text, host)
  }
  return undefined
}

/** The login of a host in the text of a netrc file, or else the login of `default`. */
export function loginIn(text: string, host: string): Login | undefined {
  const logins = new Map<string | null, { user: string; password: string }>()
  let current = { user: "", password: "" }
  // A macro ends with an empty line.
  const words = text.replace(/^\s*macdef[^]*?(\n\s*\n|$)/gm, "\n").replace(/^\s*#.*$/gm, "")
  const tokens = [...words.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)]
    .map(([, quoted, plain = ""]) => quoted?.replace(/\\(.)/g, "$1") ?? plain)
    .values()
  const begin = (name: string | null): void => {
    current = { user: "", password: "" }
    if (!logins.has(name)) logins.set(name, current)
  }
  for (const token of tokens) {
    if (token === "default") begin(null)
    else if (token === "machine") begin(tokens.next().value ?? "")
    else if (token === "login") current.user = tokens.next().value ?? ""
    else if (token === "password") current.password = tokens.next().value ?? ""
    else if (token === "account") tokens.next()
  }
  return logins.get(host) ?? logins.get(null)
}
