/** The facts that every run folder stores in `config.json`, so that the run can go on alone. */
export type RunOrigin = {
  /** The name of built-in data, or an absolute path. */
  readonly data: string
  readonly seed: number
  readonly valFraction: number
  readonly checkpointEvery: number
  /** Each engine that computed the run, in turn: its name, version, threads and processor. Other engines give other bytes. */
  readonly engines: readonly string[]
}

/** The origin in a record that was checked. Defaults stand for fields that it lacks. */
export function originOf(
  {
    data,
    seed,
    valFraction = 0.1,
    checkpointEvery,
    engines = [],
  }: Partial<RunOrigin> & Pick<RunOrigin, "data" | "seed">,
  evaluateEvery: number,
): RunOrigin {
  return { data, seed, valFraction, checkpointEvery: checkpointEvery ?? evaluateEvery, engines }
}

/** The names of the classes, or of the characters, in a `config.json`; none where it has no list of them. */
export function labelNames(json: unknown): readonly string[] {
  if (typeof json !== "object" || json === null || !("label_names" in json)) return []
  const { label_names: labels } = json
  return Array.isArray(labels) ? labels.map(String) : []
}
