/** Annotations in the XML of Pascal VOC. */
export { parseVoc, type VocImage } from "./data/voc.ts"
