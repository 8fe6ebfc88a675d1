export { isNpy, type NpyHeader, parseNpyHeader, readNpy } from "./npy.ts"
export { type ArrayInfo, type NpzArchive, openNpyArray, openNpzArchive, readNpz } from "./npz.ts"
export { isZip, readZipFile, type ZipFile, zipFiles } from "./zip.ts"
