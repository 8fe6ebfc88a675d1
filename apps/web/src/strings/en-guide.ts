import type { GuideTexts } from "./guide-texts.ts"

export const guide: GuideTexts = {
  title: "How a Vision Transformer sees",
  lead: "Choose a picture. A small Vision Transformer computes it here, in this page. Every figure below draws the numbers it found. Point at any of them.",
  tour: {
    why: "Vision Transformers sort photos, steer searches by picture, and are the eyes of many chatbots. The one here is tiny, and works in the same way.",
    time: "All 33 steps take half an hour.",
    start: "Two-minute tour",
    back: "Back",
    next: "Next",
    end: "End the tour",
    words: {
      image: "A picture is 32 × 32 pixels of three numbers each. The model is told nothing else.",
      patches: "The picture is cut into 16 patches. Each becomes a row of 192 numbers.",
      tokens:
        "A learned matrix makes 48 numbers of each patch: a token. A class token comes first, and each gets its position.",
      attention:
        "Each token asks all others, and takes a weighted mean of what they tell. The weights of a row sum to one.",
      mlp: "Each token is then worked on alone: widened to 192 numbers, bent, and narrowed again. Both halves are repeated four times.",
      class: "The class token is read by a last matrix. Softmax turns ten numbers into probabilities.",
    },
  },
  ways: {
    previous: "Previous step",
    next: "Next step",
    link: "Copy a link to this step, with picture and cell",
    short: "Link",
    copied: "Copied.",
  },
  overview: {
    label: "The model at a glance",
    times: (depth) => `${depth} times`,
    image: "image",
    patches: "patches",
    tokens: "tokens",
    attention: "attention",
    mlp: "MLP",
    class: "class",
  },
  end: {
    title: "Where to go from here",
    train: "Make a model of your own",
    paper: "Read the paper",
    sources: "Read the code",
    keep: (megabytes) => `Keep the whole site on this device (${megabytes} MB)`,
    keepNote: "What you used works without a network already.",
    fetching: "Fetching …",
    kept: "The whole site is kept.",
    failed: "That did not work. Is there a network, and room on the device?",
  },
  contents: "Contents",
  parts: {
    input: "From pixels to tokens",
    attention: "Attention",
    block: "The block",
    output: "From tokens to an answer",
    further: "Further",
  },
  classes: ["arrow", "circle", "crescent", "cross", "half disc", "heart", "ring", "square", "star", "triangle"],
  steps: {
    data: {
      title: "Pictures and labels",
      text: [
        "A classifier learns from *examples*: pictures that somebody has named. These are drawn by the project itself, ten shapes in any colour, size and place, so there are as many as one likes and they belong to everyone.",
        "The model on this page learned from 50,000 such drawings, and saw each about four times. It has not seen these. Take one, or drop a photo of your own; the model knows only shapes, and it is instructive to see what it makes of a cat.",
      ],
    },
    image: {
      title: "One picture",
      text: [
        "To the model a picture is a box of numbers, with 32 rows and 32 columns. Each pixel says how much red, green and blue it has, from 0 to 255.",
        "Nothing says which pixels belong together, or that there is a thing at all. That has to be found.",
      ],
    },
    label: {
      title: "The label, put aside",
      text: [
        "The label is a number too: one of ten classes, written as ten numbers of which a single one is 1. The model must not see it, so we put it into an envelope.",
        "We open it at the very end, when there is an answer to compare it with.",
      ],
    },
    patches: {
      title: "Cut into patches",
      text: [
        "A Transformer reads a sequence, as of words. The paper’s idea is to make words of an image by cutting it into squares, *patches*, here 8 × 8 pixels each: four down and four across, n = 16.",
        "Point at a patch: its mark goes with you through the whole guide. A click keeps it.",
      ],
    },
    flatten: {
      title: "A patch becomes a row",
      text: [
        "Each patch is read out pixel by pixel, row after row, red, green and blue together. That makes p² · c = 8² · 3 = 192 numbers, scaled to lie between −1 and 1.",
        "All sixteen patches in this way make a matrix of 16 rows. The picture is still whole; it has only been rearranged.",
      ],
    },
    embed: {
      title: "Linear embedding",
      text: [
        "A learned matrix E maps the 192 numbers of a patch to d = 48 others. Each of the 48 is the patch multiplied with one *filter* and summed up: large where the patch looks like the filter.",
        "The 48 filters are drawn as the small pictures they are. They were noise before training.",
      ],
    },
    embedAll: {
      title: "All patches, n × d",
      text: [
        "The same matrix E embeds every patch. Sixteen patches have become sixteen *tokens* of width 48, and the number of pixels no longer matters: from here on everything is n × d.",
      ],
    },
    classToken: {
      title: "The class token",
      text: [
        "One more token is put in front, which belongs to no patch. It is learned and the same for every picture, an empty page on which the model will collect what it finds.",
        "In the end the answer is read from this row alone.",
      ],
    },
    positions: {
      title: "Where a patch was",
      text: [
        "Attention does not know order: shuffle the tokens and it gives the same, shuffled. So each place has a learned vector of its own, its *position embedding*.",
        "Nobody told the model that the places form a grid. The small maps show how alike the vectors are (by cosine). With sixteen places the model has learned to tell the rim from the middle, and near from far; larger models come to know rows and columns.",
      ],
    },
    input: {
      title: "The input of the encoder",
      text: [
        "Positions are simply added. The result z₀ has n + 1 = 17 rows of width d = 48, each saying at once what is there and where.",
        "Point at a cell to see its sum.",
      ],
    },
    qkv: {
      title: "Query, key and value",
      text: [
        "Each token is normalised (LayerNorm, opened below) and then projected three times by learned matrices. Its *query* says what it looks for, its *key* what it can be found by, and its *value* what it has to tell.",
        "This happens in each head separately, in 48 / 3 = 16 dimensions.",
      ],
    },
    scores: {
      title: "Who matches whom",
      text: [
        "Every query meets every key. Their dot product is a *score*: large where what one token looks for is what the other offers. It is divided by √dₖ = 4, so that it does not grow with the width of the head.",
        "A row belongs to the token that asks, a column to the one that is asked.",
      ],
    },
    softmax: {
      title: "Softmax: each row sums to one",
      text: [
        "Scores become weights: each is exponentiated and divided by the sum of its row. They are positive then and add up to one, and the larger ones stand out.",
        "The column on the right is the sum of each row, as computed.",
      ],
    },
    row: {
      title: "One row, looked at closely",
      text: [
        "Take the row of one token. Its weights say how much it takes from each other token; laid over the picture they show what it *looks at*.",
        "Multiplied with the values and summed up they give one new vector: an average of what all tokens had to tell, weighted by attention.",
      ],
    },
    rows: {
      title: "All rows at once",
      text: [
        "All tokens do so at the same time, which is one product of matrices. Here, for each of the sixteen patches, the picture as that patch attends to it: clear where it looks, faded where it does not.",
      ],
    },
    heads: {
      title: "Several heads",
      text: [
        "One attention can follow one kind of relation. So there are several, each with queries, keys and values of its own: one may find edges that continue, another the ground behind the shape.",
        "Here are all three for the token you chose.",
      ],
    },
    project: {
      title: "Joined, and projected",
      text: [
        "What the heads found is written side by side: 3 · 16 = 48, the width of the token again. A last matrix mixes the heads with each other.",
      ],
    },
    residual: {
      title: "Added to what was there",
      text: [
        "The result does not replace the tokens; it is added to them. This *residual connection* means that a block only has to say what should change, and that gradients find an open road through all blocks.",
        "Point at a cell to see before, change and after.",
      ],
    },
    norm: {
      title: "LayerNorm",
      text: [
        "Before each half of a block every token is brought to a common measure: its mean is taken away, and it is divided by its standard deviation. Two learned vectors, γ and β, then stretch and shift each dimension.",
        "It is computed for each token alone, never across the batch. Here is the token you chose, before the MLP.",
      ],
    },
    mlp: {
      title: "The MLP, with GELU",
      text: [
        "Attention moves information between tokens; the MLP then works on each token by itself. It widens 48 to 192 numbers, bends each by the GELU, and returns to 48.",
        "GELU lets positive numbers through and nearly closes for negative ones. In training, *dropout* sets some at random to zero so that none is relied upon; when the model is used, nothing is dropped.",
      ],
    },
    residual2: {
      title: "Added once more",
      text: ["The MLP’s answer is added as well. That is one block: attention, MLP, and each time the way around it."],
    },
    repeat: {
      title: "L times",
      text: [
        "The same again, with other weights: this model has L = 4 blocks, ViT-B has 12, ViT-H 32. The tokens keep their shape all the way, so one can watch them change.",
        "Here is what the class token attends to, in each head of each block. Choose one: the figures of the attention above show it.",
      ],
    },
    readout: {
      title: "The class token, taken out",
      text: [
        "After the last block comes one more LayerNorm, and of the seventeen rows only the first is kept. The other sixteen have done their work: what they knew is in it.",
      ],
    },
    predict: {
      title: "Ten numbers, one answer",
      text: [
        "A last linear layer, the *head*, gives one number for each class, the logits. Softmax turns them into probabilities.",
      ],
    },
    loss: {
      title: "The label, back again",
      text: [
        "Now the envelope. The *cross-entropy* is −log of the probability that the model gave to the truth: 0 if it was certain and right, large if it was certain and wrong. While the model learned, the label was softened (*label smoothing*): 0.91 for the truth and 0.01 for each other class, so that it is never wholly certain.",
        "*Backpropagation* follows every number back through everything above and finds how the loss would change with each of 123,802 weights. A small step against that gradient makes it smaller; one that is too large can overshoot, and make it larger. Take one: all figures on this page are then drawn from the new weights. Teach it a wrong label, or let it forget everything and start over.",
      ],
    },
    scale: {
      title: "Why divide by √dₖ?",
      text: [
        "A dot product of dₖ independent numbers of variance 1 has variance dₖ. Without the division, wide heads would give huge scores, softmax would choose a single token, and its gradient would vanish.",
        "Move the divisor, and watch the same row go from all tokens alike to a single one.",
      ],
    },
    normOrder: {
      title: "Norm before or after?",
      text: [
        "The first Transformer normed *after* each addition; ViT norms *before*, inside the branch, and leaves the road itself free. Here is the gradient that reaches each depth in twelve untrained blocks of either kind, computed on your picture.",
        "After: the gradient is largest at the last block, and on its way back it first shrinks from block to block. No one learning rate suits both ends, so such models need a careful warm-up. Before: it changes slowly all the way.",
      ],
    },
    convolution: {
      title: "A convolution in disguise",
      text: [
        "To cut, flatten and multiply is the same as a convolution whose kernel is as large as its stride. Most implementations do just that. Here the engine computed both, on the same picture and weights.",
      ],
    },
    resolution: {
      title: "Larger pictures",
      text: [
        "A model can be given more patches than it was trained on; only the position embeddings do not fit. As they form a grid, they are resized like a picture, and training goes on from there.",
        "Similarity of the middle position to all others, at other grids.",
      ],
    },
    family: {
      title: "The family",
      text: [
        "Base, Large and Huge differ in width, depth and heads; the number after the slash is the size of the patch, and a smaller patch means more tokens. The numbers are counted here from the models themselves, at 224 × 224, a multiplication with its addition as two FLOPs.",
        "The last three are hybrids, which come next.",
      ],
    },
    hybrid: {
      title: "A hybrid",
      text: [
        "A *hybrid* cuts no patches from the picture but from what the first layers of a ResNet see in it. This one is small: a convolution and a pooling, then one residual block, and the 32 × 32 pixels have become 8 × 8 places of 64 features. Two by two they are the same sixteen patches, and each token knows something of edges and surroundings before attention begins.",
        "It was trained on half as many drawings, and computes your picture too. Choose a feature to see where it is strong.",
      ],
    },
    pretraining: {
      title: "What data bought",
      text: [
        "Nothing in a Transformer says that neighbours belong together. It must learn that from data, and on ImageNet alone, larger models came out *worse*. With ten times the pictures they caught up, and with two hundred times the order turned round.",
        "Accuracy on ImageNet after fine-tuning, by the data of the pre-training.",
      ],
    },
    compute: {
      title: "What compute bought",
      text: [
        "At equal compute Vision Transformers came out ahead of ResNets in the paper’s comparison, and hybrids ahead of both where compute was small. Pre-trained on JFT-300M; total training compute in exaFLOPs.",
      ],
    },
  },
  labels: {
    pick: "Choose a drawing",
    drop: "Use your own picture",
    another: "Other drawings",
    image: "the picture",
    yourImage: "your picture",
    unknown: "no label",
    isA: "label",
    hideLabel: "Put it away",
    showLabel: "Open the envelope",
    oneHot: "label as ten numbers",
    chosenPatch: "the chosen patch",
    flattened: "the patch as a row",
    allFlattened: "all patches as rows",
    filters: "filters: the columns of E",
    filter: "filter",
    embedding: "the patch, embedded",
    embeddings: "embedded patches",
    bias: "bias",
    tokensBefore: "class token and patches",
    positions: "position embeddings",
    similarity: "how alike the positions are",
    similarityTo: "similarity to",
    inputTokens: "input of the encoder",
    normed: "normalised tokens",
    query: "queries",
    key: "keys",
    value: "values",
    scores: "scores",
    weights: "attention weights",
    oneRow: "weights of one token",
    rowSum: "sums of the rows",
    weighted: "values times weights",
    context: "weighted values",
    attendedBy: "attended by",
    weight: "weight",
    sideBySide: "heads side by side",
    projected: "what attention adds",
    before: "before",
    after: "after",
    added: "added",
    block: "Block",
    head: "Head",
    mean: "mean",
    variance: "variance",
    standardized: "standardised",
    gamma: "scale γ",
    beta: "shift β",
    hiddenBefore: "before GELU",
    hidden: "after GELU",
    mlpOutput: "what the MLP adds",
    geluCurve: "GELU",
    units: "hidden units of the token",
    training: "Training",
    inference: "In use",
    newMask: "Another mask",
    dropped: "dropped",
    sharedScale: "Same scale for all maps",
    ownShare: "weight of the class token on itself",
    ownShareNote: "The percentage is the weight of the class token on itself, which the map leaves out.",
    onClassToken: "on the class token",
    learned: "learned",
    lens: "class after each block",
    lensNote:
      "The head reads the class token after each block, as if the model ended there. The last row is its answer.",
    beforeBlocks: "before block 1",
    afterBlock: "after block",
    finalToken: "the class token, normed",
    headWeights: "weights of the head",
    logits: "logits",
    probabilities: "probabilities",
    prediction: "The model says",
    chooseTruth: "Label to learn",
    loss: "loss",
    rate: "learning rate",
    takeStep: "Take one step",
    takeTen: "Take ten",
    forget: "Forget everything",
    restore: "Trained weights",
    stepsTaken: "step",
    fell: "loss before and after",
    gradientNorms: "gradient by layer",
    gradientPixels: "gradient of the loss to each pixel",
    gradientNorm: "norm of the gradient",
    divisor: "divisor",
    entropy: "tokens attended to, effectively",
    depth: "depth",
    pre: "norm before (ViT)",
    post: "norm after",
    convolved: "by convolution",
    grid: "grid",
    parameters: "parameters",
    flops: "FLOPs",
    width: "width d",
    layers: "blocks L",
    headsCount: "heads",
    tokensCount: "tokens",
    model: "model",
    hybrid: "hybrid",
    feature: "feature",
    featuresAfter: "Features after",
    firstConvolution: "the first convolution",
    residualBlock: "the residual block",
    dataset: "pre-training data",
    accuracy: "ImageNet top-1, %",
    exaflops: "pre-training exaFLOPs",
    source: "Dosovitskiy et al., “An Image is Worth 16×16 Words”, ICLR 2021",
  },
  epochs: (model, epochs) => `${model}, ${epochs} epochs`,
  table: (n) => `arXiv 2010.11929v2, table ${n}`,
  dropout: (rate) => `Dropout, rate ${rate}`,
  greatest: (difference) => `The greatest difference between the two is ${difference}.`,
  privacy: "Your picture stays on this device.",
  license: "Drawings by the project, Apache-2.0.",
  second: {
    says: "A second model, which has seen photographs, says:",
    none: "none of these",
    sees: (side, classes) =>
      `It sees your picture squeezed to ${side} × ${side} pixels.${classes === null ? "" : ` It knows ${classes}.`} All figures below are of the first model, which knows the drawings alone.`,
  },
  photoClasses: {},
}
