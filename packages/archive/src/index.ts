export {
  bytesPerElement,
  isStorageDType,
  numbers,
  type StorageArray,
  type StorageDType,
  storageDTypes,
  type StoredTensor,
  storageTypes,
  toFloat32,
  viewBytes,
} from "./dtype.ts"
export { escaped, fileError, shown } from "./errors.ts"
export { type ByteSource, type FileFacts, memorySource } from "./source.ts"
