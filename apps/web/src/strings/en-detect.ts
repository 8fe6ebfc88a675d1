const shapes: Readonly<Record<string, string>> = {
  circle: "circle",
  cross: "cross",
  square: "square",
  triangle: "triangle",
}

export const detect = {
  title: "Objects, found by asking",
  lead: "A small DETR looks at scenes that it has never seen. Point at what it found, and see where it looked. Drop a picture or a detector of your own: all is computed here, and nothing leaves your device.",
  answers: "What it finds",
  scene: (n: number): string => `Scene ${n}`,
  another: "Another scene",
  dropPictures: "Or drop pictures here.",
  small: "The built-in detector knows four shapes. For photographs, drop a detector that has learned from them below.",
  threshold: "Least score",
  truth: "True boxes",
  idle: "Queries that found nothing",
  objects: (n: number): string => (n === 1 ? "1 object" : `${n} objects`),
  nothing: (share: string): string => `Nothing has a score above ${share}.`,
  objectClass: "Class",
  score: "Score",
  box: "Box in pixels",
  boxHint: "left, top, right and bottom edge",
  query: "Query",
  noObject: "no object",
  queryAttention: (n: number): string => `Where query ${n} looks`,
  queryAttentionHint:
    "Bright is what the query attends to, often the edges of its object. Dashed is its box after other layers.",
  layer: (n: number, all: number): string => `Layer ${n} of ${all}`,
  layers: "Layer of the decoder",
  heads: "Heads",
  mean: "mean of the heads",
  classes: "What it takes it for",
  ideas: [
    {
      title: "Queries ask, all at once",
      text: (n: number): string =>
        `Convolutions turn the picture into a grid of features, and the encoder lets every place see all others. Then ${n} learned queries look at the grid in parallel. Each answers with one class and one box, or with “no object”.`,
    },
    {
      title: "Matching makes them differ",
      text: (): string =>
        "In training, answers and true objects are paired one to one, so that the pairs cost least together: wrong class, distance and overlap of boxes (the Hungarian algorithm). The paired query learns its object; all others learn to say “no object”.",
    },
    {
      title: "Nothing is suppressed",
      text: (): string =>
        "Other detectors propose many boxes and throw doubles away by a rule. Here the queries see each other by self-attention and settle who takes what, more surely from layer to layer. What you see is the bare output: where two have not settled, a double stays.",
    },
  ],
  paper: "End-to-End Object Detection with Transformers (Carion et al., 2020)",
  model: "The detector",
  builtIn: "Built-in detector",
  dropModel:
    "Drop a run folder or zip of “vitrine train --task detect”, or a DETR of Hugging Face’s, such as facebook/detr-resnet-50, here, or",
  about: (m: {
    parameters: string
    layers: number
    encoder: number
    heads: number
    queries: number
    classes: number
  }) =>
    `${m.encoder} + ${m.layers} layers of ${m.heads} heads, ${m.queries} queries, ${m.parameters} parameters; ${m.classes} classes.`,
  /** The names of the objects in scenes. */
  shapes,
}
