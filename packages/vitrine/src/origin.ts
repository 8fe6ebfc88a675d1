/** Facts that every run folder stores in `config.json`. They are enough to resume the run. */
export type RunOrigin = {
  /** The name of built-in data, or an absolute path. */
  readonly data: string
  readonly seed: number
  readonly valFraction: number
  readonly checkpointEvery: number
  /**
   * Each engine that computed the run, in turn: its name, version, threads and processor. Other engines give other
   * bytes.
   */
  readonly engines: readonly string[]
  /** Each change of the run's length: the step at which it was made, and the steps that there were to be before. */
  readonly extensions?: readonly Extension[]
}

export interface Extension {
  readonly step: number
  readonly steps: number
}

/** The origin from a checked record. Missing fields get defaults. */
export function originOf(
  {
    data,
    seed,
    valFraction = 0.1,
    checkpointEvery,
    engines = [],
    extensions,
  }: Partial<RunOrigin> & Pick<RunOrigin, "data" | "seed">,
  evaluateEvery: number,
): RunOrigin {
  return {
    data,
    seed,
    valFraction,
    checkpointEvery: checkpointEvery ?? evaluateEvery,
    engines,
    ...(extensions && { extensions }),
  }
}

/** The names of the classes, or of the characters, in a `config.json`. The list is empty if there is none. */
export function labelNames(json: unknown): readonly string[] {
  if (typeof json !== "object" || json === null || !("label_names" in json)) return []
  const { label_names: labels } = json
  // An object may have a `toString` of its own, which need be no function.
  return Array.isArray(labels)
    ? labels.map((label) => (typeof label === "object" ? JSON.stringify(label) : String(label)))
    : []
}
