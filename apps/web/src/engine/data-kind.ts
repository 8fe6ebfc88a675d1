/** The pictures of a run: built-in drawings, a folder of the reader, or pictures that the reader makes in the page. */
export const dataKinds = ["shapes", "folder", "make"] as const

export type DataKind = (typeof dataKinds)[number]
