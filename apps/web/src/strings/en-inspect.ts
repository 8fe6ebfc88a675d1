export const inspect = {
  title: "Look inside your own",
  lead: "Drop a model and some pictures. Every head of every block, what the first layer looks for, what the model knows of places: computed here, and nothing leaves this device.",
  models: "Model",
  sources: { guide: "The guide’s model", run: (name: string): string => `Run: ${name}` },
  dropModel: "Drop a run folder, a folder of timm’s or Hugging Face’s, a .safetensors or an .npz here, or",
  chooseFolder: "choose a folder",
  chooseFile: "choose files",
  options: "Another resolution, or heads",
  side: "Side of the pictures in pixels",
  headCount: "Heads, where the files do not say",
  architecture: "Model's name in timm, where the files do not say",
  reopen: "Open again",
  second: "Compare with a second model",
  noSecond: "Without the second",
  about: (m: {
    depth: number
    dim: number
    heads: number
    classes: number
    parameters: string
    side: string
    patch: string
  }): string =>
    `${m.depth} blocks of width ${m.dim}, ${m.heads} heads, ${m.parameters} parameters; pictures of ${m.side} in patches of ${m.patch}; ${m.classes} classes.`,
  pictures: "Pictures",
  dropPictures: "Drop pictures here, or",
  choosePictures: "choose pictures",
  picture: (n: number): string => `Picture ${n}`,
  predictions: "Predictions",
  noClasses: "This model has no classes; it gives features.",
  attention: "Attention of every head",
  attentionHint:
    "A row for each block, a column for each head. Choose one to see it in large; choose a patch of the large picture to see what that patch attends to.",
  asks: "Who looks",
  askers: { class: "class token", mean: "all patches" },
  headOf: (block: number, head: number): string => `block ${block}, head ${head}`,
  rollout: "Rollout",
  rolloutHint:
    "Attention multiplied through all blocks, with the residual: where the answer comes from, roughly (Abnar and Zuidema, 2020).",
  filters: "Patch filters",
  filtersHint: "Principal components of the filters of the patch embedding, by the variance that they explain.",
  filterOf: (n: number, share: string): string => `component ${n}, ${share}`,
  positions: "Positions",
  positionsHint: "How alike the embedding of one place is to all others, by cosine.",
  noPositions: "This model has no position embeddings.",
  distance: "How far the heads look",
  distanceHint:
    "Mean distance in pixels between a patch and what it attends to, weighted by attention; a dot for each head.",
  block: "block",
  pixels: "pixels",
  features: "Features in colour",
  featuresHint:
    "The three principal components of the last block’s patches, over all pictures, as red, green and blue.",
  savePng: "Save PNG",
  saveSvg: "Save SVG",
  link: "Link to this view",
  missingModel: (name: string): string =>
    `This link shows the model “${name}”, which is not kept in this browser. Drop it above, and the view is as it was.`,
  missingPicture: (name: string): string =>
    `This link shows the picture “${name}”, which is not kept in this browser. Drop it below to see it again.`,
  loose: (size: string): string =>
    `The view has files that you dropped (${size}). If this browser keeps a copy, the link opens them here; elsewhere it asks for them by name.`,
  keep: "Keep a copy",
  kept: (size: string): string => `This browser keeps copies of dropped files (${size}).`,
  forget: "Delete them",
  linkCopied: "The link is in the address bar, and copied.",
}
