/** What every run folder stores in `config.json`, so that the run can go on alone. */
export type RunOrigin = {
  /** The name of built-in data, or an absolute path. */
  readonly data: string
  readonly seed: number
  readonly valFraction: number
  readonly checkpointEvery: number
  /** Each engine that computed the run, in turn: its name, version, threads and processor. Other engines give other bytes. */
  readonly engines: readonly string[]
}

/** The origin in a record; null without data or a seed. Defaults stand for other fields that a record lacks. */
export function originOf(
  { data, seed, valFraction, checkpointEvery, engines }: Partial<RunOrigin>,
  evaluateEvery: number,
): RunOrigin | null {
  if (typeof data !== "string" || typeof seed !== "number") return null
  return {
    data,
    seed,
    valFraction: typeof valFraction === "number" ? valFraction : 0.1,
    checkpointEvery: typeof checkpointEvery === "number" ? checkpointEvery : evaluateEvery,
    engines: Array.isArray(engines) ? engines.map(String) : [],
  }
}

/** The names of the classes, or of the characters, in a `config.json`; none where it has no list of them. */
export function labelNames(json: unknown): readonly string[] {
  if (typeof json !== "object" || json === null || !("label_names" in json)) return []
  const { label_names: labels } = json
  return Array.isArray(labels) ? labels.map(String) : []
}
