import { homedir } from "node:os"
import { join } from "node:path"

/** The folder of Hugging Face's files: `HF_HOME`, or huggingface in the user's cache. */
export const huggingFaceHome = (env: NodeJS.ProcessEnv): string =>
  env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface")

/** The folder of a model in the cache of Python's `huggingface_hub`, by its environment variables. */
export function modelFolder(repo: string, env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(huggingFaceHome(env), "hub")
  return join(cache, ["models", ...repo.split("/")].join("--"))
}
