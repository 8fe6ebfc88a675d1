import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { VitrineError } from "@vitrine/core"

/** The address of the hub and the user's token, from the environment as `huggingface_hub` in Python takes them. */
export interface HubSettings {
  /** `HF_ENDPOINT`, or https://huggingface.co; without a slash at the end. */
  readonly endpoint: string
  /** `HF_TOKEN`, or the token that `hf auth login` stored. */
  readonly token: string | undefined
  /** `HF_HUB_OFFLINE`: no requests, the cache alone. */
  readonly offline: boolean
}

/** @throws VitrineError (config) for an endpoint that is no address */
export async function hubSettings(env: NodeJS.ProcessEnv = process.env): Promise<HubSettings> {
  const endpoint = (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "")
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    throw new VitrineError(
      "config",
      `HF_ENDPOINT is ${JSON.stringify(endpoint)}; expected an address such as https://huggingface.co`,
    )
  const token = env.HF_TOKEN?.trim() || (await storedToken(env))
  return { endpoint, token, offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? "") }
}

async function storedToken(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface")
  const text = await readFile(env.HF_TOKEN_PATH ?? join(home, "token"), "utf8").catch(() => "")
  return text.trim() || undefined
}
