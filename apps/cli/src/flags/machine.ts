import { backendPrecisions } from "vitrine"
import { backends } from "../backends.ts"
import type { Flags, Values } from "./flag.ts"
import { integerValue } from "./values.ts"

const group = "Machine:"

/** The backend of a command. */
export const machineFlags = {
  backend: {
    group,
    value: "<name>",
    help: "what computes; auto takes the fastest that loads",
    choices: ["auto", ...Object.keys(backends)],
    default: "auto",
    resumable: true,
  },
  threads: {
    group,
    value: "<n>",
    help: "threads of the backend; default: all cores",
    parse: integerValue(1),
    resumable: true,
  },
  precision: {
    group,
    value: "<dtype>",
    help: "bfloat16: factors of products, on node-gpu and node-cpu; float16: storage, on webgpu",
    choices: backendPrecisions,
    default: "float32",
    resumable: true,
  },
} as const satisfies Flags

export type MachineValues = Values<typeof machineFlags>
export type EngineValues = Pick<MachineValues, "threads"> & Partial<Pick<MachineValues, "precision">>

/** The options of a backend. */
export const engineOptions = ({ threads, precision }: EngineValues): EngineValues => ({
  ...(threads === undefined ? {} : { threads }),
  ...(precision === undefined ? {} : { precision }),
})
