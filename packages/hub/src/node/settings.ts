import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { unescape } from "node:querystring"
import { VitrineError } from "@vitrine/core"
import { huggingFaceHome } from "./cache.ts"

/** The address of the hub and the user's token. The environment variables are those of Python's `huggingface_hub`. */
export interface HubSettings {
  /** `HF_ENDPOINT`, or https://huggingface.co; without user and password, and without a slash at the end. */
  readonly endpoint: string
  /**
   * The header that opens private models: user and password of `HF_ENDPOINT`, or else `HF_TOKEN` or the token that
   * `hf auth login` stored.
   */
  readonly authorization: string | undefined
  /** `HF_HUB_OFFLINE`: no requests, only the cache. */
  readonly offline: boolean
}

/** @throws VitrineError (config) for an endpoint that is no address, or a token that no header can hold */
export async function hubSettings(env: NodeJS.ProcessEnv = process.env): Promise<HubSettings> {
  const text = env.HF_ENDPOINT || "https://huggingface.co"
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new VitrineError(
      "config",
      `HF_ENDPOINT is ${JSON.stringify(text.replace(/^.*@/s, "…@"))}; expected an address such as https://huggingface.co`,
    )
  const login = loginOf(url)
  const token = login === undefined ? env.HF_TOKEN?.trim() || (await storedToken(env)) : undefined
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new VitrineError(
      "config",
      "the token of HF_TOKEN or of hf auth login holds a space, a line break or another character that no token has: set it again",
    )
  const endpoint = `${url.origin}${url.pathname}`.replace(/\/+$/, "")
  const authorization = login ?? (token === undefined ? undefined : `Bearer ${token}`)
  return { endpoint, authorization, offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? "") }
}

/** The user and password of an address, as a header. */
function loginOf({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined
  const pair = [username, password].map((part) => unescape(part)).join(":")
  return `Basic ${Buffer.from(pair).toString("base64")}`
}

async function storedToken(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const text = await readFile(env.HF_TOKEN_PATH ?? join(huggingFaceHome(env), "token"), "utf8").catch(() => "")
  return text.trim() || undefined
}
