import { VitrineError } from "@vitrine/core"
import * as v from "valibot"

/** How fast a backend computes on one core, or on one GPU. */
export interface Rates {
  /** Operations a second of matrix products. */
  readonly products: number
  /** Operations a second of convolutions. */
  readonly convolutions: number
  /** Bytes a second that all other ops read and write. */
  readonly bytes: number
  /** Seconds of one op, whatever its size. */
  readonly node: number
  /** Seconds of a step besides its ops. */
  readonly step: number
  /** Seconds of a step that the host interrupts, such as a detector's; 0 by default. */
  readonly cut?: number | undefined
}

/** A machine, as `vitrine plan --hardware FILE` reads it. */
export interface Machine {
  readonly name: string
  /** Bytes of memory. */
  readonly memory?: number | undefined
  /** Watts of one rank at work. */
  readonly watts?: number | undefined
  /** How fast each backend computes, by its name. */
  readonly backends: Readonly<Record<string, Rates>>
  /** The processor cores that share a step's work; 1 by default. */
  readonly cores?: number | undefined
  /** The network between ranks; by default one of 10 Gbit/s. */
  readonly network?: Network | undefined
  /** The standard deviation of a rank's step time, as a share of it; 0.02 by default. */
  readonly jitter?: number | undefined
}

/** The network between neighbouring ranks. */
export interface Network {
  /** Seconds until the first byte of a message arrives. */
  readonly latency: number
  /** Bytes a second. */
  readonly bandwidth: number
}

const positive: v.GenericSchema<number> = v.pipe(v.number(), v.gtValue(0), v.finite())
const notNegative: v.GenericSchema<number> = v.pipe(v.number(), v.minValue(0), v.finite())

const ratesSchema: v.GenericSchema<Rates> = v.strictObject({
  products: positive,
  convolutions: positive,
  bytes: positive,
  node: notNegative,
  step: notNegative,
  cut: v.optional(notNegative),
})

const machineSchema: v.GenericSchema<Machine> = v.strictObject({
  name: v.string(),
  memory: v.optional(positive),
  watts: v.optional(positive),
  backends: v.record(v.string(), ratesSchema),
  cores: v.optional(positive),
  network: v.optional(v.strictObject({ latency: notNegative, bandwidth: positive })),
  jitter: v.optional(notNegative),
})

/**
 * Checks the description of a machine.
 * @param file its name in errors
 * @throws VitrineError (config) for a field that is missing, unknown or has no possible value
 */
export function checkMachine(json: unknown, file: string): Machine {
  const result = v.safeParse(machineSchema, json)
  if (result.success) return result.output
  const [issue] = result.issues
  const at = v.getDotPath(issue)
  throw new VitrineError("config", `${file}: ${at === null ? "" : `${at}: `}${issue.message}`)
}
