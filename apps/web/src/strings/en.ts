import { detect } from "./en-detect.ts"
import { guide } from "./en-guide.ts"
import { inspect } from "./en-inspect.ts"
import { teach } from "./en-teach.ts"
import { train } from "./en-train.ts"

export const en = {
  tagline: "Vision Transformers, seen at work",
  rooms: { guide: "Guide", train: "Train", inspect: "Inspect", detect: "Detect" },
  skip: "Skip to the content",
  theme: { label: "Appearance", light: "Light", dark: "Dark", system: "System" },
  compute: { label: "Compute on", auto: "Auto", webgpu: "GPU", "onnx-web": "CPU" },
  language: "Language",
  figure: {
    play: "Play",
    pause: "Pause",
    terms: "Terms",
    values: "Values as a table",
    zoom: "Enlarge",
    close: "Close",
    heatMap: "heat map",
    patchGrid: "patch grid",
    keys: "Arrow keys move from cell to cell, Enter chooses, Escape leaves.",
    cellSize: "Size of a cell",
    patch: (n: number, grid: number): string =>
      `patch ${n} (row ${Math.floor((n - 1) / grid) + 1}, column ${((n - 1) % grid) + 1})`,
    classToken: "class token",
    dimension: (n: number): string => `dimension ${n}`,
    head: (n: number): string => `head ${n}`,
    block: (n: number): string => `block ${n}`,
    row: (n: number): string => `row ${n}`,
    column: (n: number): string => `column ${n}`,
    rows: "rows",
    columns: "columns",
    tokens: "tokens",
    patches: "patches",
    dimensions: "dimensions",
    queries: "queries",
    keysAxis: "keys",
    query: (token: string): string => `query: ${token}`,
    key: (token: string): string => `key: ${token}`,
    channel: ["red", "green", "blue"] as readonly string[],
    sum: "sum of the row",
  },
  guide,
  teach,
  train,
  inspect,
  detect,
  frame: {
    refused: "This room uses your camera and keeps files, so it does not run inside of another site.",
    open: "Open it in a tab of its own",
  },
  status: {
    starting: "Loading the engine and the model …",
    first: "The values of this picture came with the page. The model follows when you go on.",
    computing: "Computing …",
    ready: (device: string): string => `Computed in this page by ${device}`,
    failed: (why: string): string => `That did not work: ${why}`,
    notKept:
      "This room could not be loaded. Without the network, a device has the rooms that were opened on it before.",
    noEngine: (why: string): string =>
      `The engine could not be started (${why}). Your browser may lack WebAssembly, or memory: close other tabs and try again. The texts can be read without it.`,
    noMemory:
      "the browser gave no more memory. Choose a smaller model, resolution or number of pictures a step, or close other tabs.",
    deviceLost:
      "the graphics processor was taken away, several times in a row. Try again, or choose CPU at the top of the page.",
    retry: "Try again",
    noGpu: (why: string): string => `There is no graphics processor to compute on (${why}). The CPU can do it too.`,
    useCpu: "Compute on the CPU",
  },
}
