import { homedir } from "node:os"
import { join } from "node:path"
import { isDatasetRepo } from "./api.ts"

/** The folder of Hugging Face's files: `HF_HOME`, or huggingface in the user's cache. */
export const huggingFaceHome = (env: NodeJS.ProcessEnv): string =>
  env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface")

/** The folder of a model or a data set, `datasets/owner/name`, in the cache of Python's `huggingface_hub`, by its environment variables. */
export function repoFolder(repo: string, env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE ?? join(huggingFaceHome(env), "hub")
  const parts = repo.split("/")
  return join(cache, (isDatasetRepo(repo) ? parts : ["models", ...parts]).join("--"))
}
