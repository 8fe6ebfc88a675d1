/** Models that read lines of text in a page: loading and training. */
export { characterRows, type LineSet } from "@vitrine/data"
export type { TextEvaluation } from "@vitrine/seq2seq"
export type { Reader, Reading, ReadingInspection } from "./tasks/read/reader.ts"
export type { ReadingRecipe } from "./tasks/read/recipe-type.ts"
export type { ReadingSetupEvent } from "./tasks/read/train.ts"
export { loadReader } from "./tasks/read/web/load.ts"
export { trainReader, type TrainReaderOptions } from "./tasks/read/web/train.ts"
