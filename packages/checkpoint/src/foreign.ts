/** A line of Python that converts a pickle to safetensors. Pickles are never read here. */
export function conversion(from: string, to = "model.safetensors"): string {
  return `convert it once: python -c "import torch; from safetensors.torch import save_file; save_file({k: v.clone().contiguous() for k, v in torch.load('${from}', map_location='cpu', weights_only=True).items()}, '${to}')"`
}

/** The first bytes of files that often stand in the place of a model. */
const beginnings: readonly (readonly [beginning: RegExp, what: string])[] = [
  [
    /^version (?=$|https:\/\/git-lfs)/,
    "is a pointer of Git LFS and not the file itself: fetch that with git lfs pull, or download it",
  ],
  [
    /^\s*<(!doctype|html|\?xml|head|!--)/i,
    "is a web page and not the file itself: download that, or, if it comes from a server, mend the address (a server may answer every wrong one with its index.html)",
  ],
  [/^PK\u0003\u0004/, `is a zip archive, as pickles of PyTorch's are, whatever its name: ${conversion("PATH")}`],
  [/^\u0080[\u0002-\u0005]/, `is a pickle, which can run code and is never read: ${conversion("PATH")}`],
]

/**
 * Words for the actual kind of a file, or undefined if its first bytes do not show it.
 * @param bytes the first 8 bytes or more
 */
export function foreignFile(bytes: Uint8Array): string | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 64))
  return beginnings.find(([beginning]) => beginning.test(text))?.[1]
}
