/** The greatest sizes of files and images. Larger ones are refused before they are read or decoded. */
export const decodeLimits: { readonly fileBytes: number; readonly pixels: number } = {
  fileBytes: 256 * 2 ** 20,
  pixels: 100e6,
}
