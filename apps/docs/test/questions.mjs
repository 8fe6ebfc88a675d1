// Titles of public issues of timm, transformers.js and tfjs, drawn before the index was made, and the pages that answer
// them.
export const questions = [
  [
    "timm#948",
    "[FEATURE] About use timm to train my own data",
    ["tutorials/own-photos", "tutorials/backbone", "how-to/transfer"],
  ],
  ["timm#55", "If I want to do Transfor Learning， what should I do?", ["tutorials/backbone", "how-to/transfer"]],
  ["timm#908", "[FEATURE] Add position encoding interpolation to ViT", ["how-to/model-size", "how-to/transfer"]],
  [
    "timm#1794",
    "resample_abs_pos_embed does not apply when checkpoint_path is used",
    ["how-to/model-size", "tutorials/other-libraries"],
  ],
  [
    "timm#1344",
    "[BUG] ViT models can't load pretrained weights from models with different `cls_token`/`no_embed_class` settings",
    ["reference/compatibility", "tutorials/other-libraries"],
  ],
  ["timm#1030", "How can i extract features ?", ["tutorials/looking-inside"]],
  ["timm#1330", "export.py added to export timm models to onnx", ["tutorials/other-libraries", "reference/command"]],
  [
    "transformers.js#685",
    "Transformers.js seems to need an internet connection when it shouldn't? (Error: no available backend found.)",
    ["how-to/offline", "how-to/backend"],
  ],
  ["transformers.js#791", "env.allowLocalModels and env.allowRemoteModels", ["how-to/offline"]],
  [
    "transformers.js#992",
    "Feature Request: on transformerJS model download, check if previous download is up-to-date, and allow offline use.",
    ["how-to/offline"],
  ],
  [
    "transformers.js#213",
    "[Bug] Uncaught Error: Cannot find module 'onnxruntime-node'",
    ["how-to/next", "reference/errors"],
  ],
  ["transformers.js#369", "[Bug] Library not working with NextJS 13", ["how-to/next"]],
  ["transformers.js#440", "Module parse failed: Unexpected character '�' (1:0)", ["how-to/next"]],
  ["transformers.js#260", "[Question] CDN download for use in a worker", ["how-to/cdn", "how-to/workers"]],
  ["transformers.js#787", "WebGPU and WASM Backends Unavailable within Service Worker (V3 issue)", ["how-to/workers"]],
  ["transformers.js#882", "update the onnxruntime-web version to support the multithreads", ["how-to/isolation"]],
  ["tfjs#481", "Out of memory exception when fitting model", ["how-to/memory"]],
  ["tfjs#200", "Memory leak during training", ["how-to/memory"]],
  ["tfjs#925", "Can i make a Transfer learning in nodejs", ["tutorials/backbone", "how-to/transfer"]],
  ["tfjs#1158", "Tutorial: Saving and Loading Models", ["reference/run-folder", "tutorials/own-photos"]],
  // Drawn when the synonyms were made: four of 30 are not among these, since their pages are not among the first three
  // (timm#488, tfjs#316, tfjs#422, transformers.js#1342).
  [
    "timm#190",
    "how to train my custom dataset ？",
    ["tutorials/own-photos", "tutorials/backbone", "how-to/data", "how-to/transfer"],
  ],
  [
    "timm#257",
    "example training script",
    [
      "tutorials/own-photos",
      "start/node",
      "start/two-minutes",
      "reference/recipes",
      "packages/vitrine",
      "packages/trainer",
    ],
  ],
  ["timm#292", "ViT Attention Map Visualization", ["tutorials/looking-inside", "reference/figures"]],
  ["timm#1650", "Input size of an image", ["how-to/model-size", "how-to/transfer", "reference/recipes"]],
  [
    "timm#2220",
    "Support for last layer self-attention visualisation on ViT",
    ["tutorials/looking-inside", "reference/figures"],
  ],
  [
    "transformers.js#942",
    "Cannot download models on browser",
    ["how-to/offline", "start/page", "reference/errors", "packages/hub", "tutorials/other-libraries"],
  ],
  [
    "transformers.js#1142",
    "Make in-browser WebGPU as seamless as in WebLLM",
    ["how-to/backend", "how-to/gpus", "packages/backend-webgpu"],
  ],
  ["transformers.js#336", "Trouble getting started with electron", ["how-to/electron"]],
  ["transformers.js#1309", "vulkan support for nodejs", ["how-to/gpus", "how-to/backend", "packages/backend-webgpu"]],
  [
    "transformers.js#1336",
    "node.js WebGPU compatibility and WASM performance in web enviornment",
    ["how-to/backend", "how-to/speed", "how-to/gpus", "packages/backend-webgpu", "how-to/isolation"],
  ],
  [
    "transformers.js#676",
    "How to use fp16 version of the model file?",
    ["understanding/precision", "tutorials/other-libraries", "how-to/speed"],
  ],
  [
    "transformers.js#1447",
    "How to use half precision ONNX models?",
    ["understanding/precision", "tutorials/other-libraries", "how-to/speed"],
  ],
  [
    "transformers.js#823",
    "How to export q4f16.onnx",
    ["understanding/precision", "tutorials/other-libraries", "how-to/speed", "reference/command"],
  ],
  [
    "transformers.js#73",
    "[Feature request] WebGPU support",
    ["how-to/backend", "how-to/gpus", "packages/backend-webgpu"],
  ],
  [
    "tfjs#628",
    "For some tf.Models, training in tfjs-node is about 4x slower than eager tf.keras (Python)",
    ["how-to/speed", "compared/libraries"],
  ],
  ["tfjs#448", "Fit gets slower and slower after each call", ["how-to/speed"]],
  [
    "tfjs#7216",
    "model.predict() takes a lot of time . this causes physical lag in the tensor camera . how to fix ?",
    ["how-to/speed", "how-to/workers"],
  ],
  ["tfjs#2518", "Model not learning in javascript", ["how-to/not-learning"]],
  [
    "tfjs#298",
    "Support tf.fromPixels in Node.",
    ["start/node", "packages/data", "reference/formats", "how-to/data", "packages/vitrine"],
  ],
  [
    "transformers.js#1038",
    "script.convert tfjs model to onnx support",
    ["tutorials/other-libraries", "packages/backend-onnx"],
  ],
  [
    "transformers.js#187",
    "[Question] Performance and size of models",
    ["how-to/speed", "how-to/model-size", "reference/compatibility"],
  ],
  [
    "transformers.js#494",
    "in-browser inference slower than node inference to be expected?",
    ["how-to/speed", "how-to/backend", "reference/where"],
  ],
  ["transformers.js#210", "[Bug] Problem working with Next.js", ["how-to/next"]],
  [
    "tfjs#896",
    "Add seed parameter to `tf.randomUniform`",
    ["understanding/determinism", "reference/recipes", "packages/core"],
  ],
  [
    "tfjs#5832",
    "Working ONNX file converted to tfjs (via tf SavedModel) doesn't work",
    ["tutorials/other-libraries", "packages/backend-onnx"],
  ],
  ["tfjs#2050", "Converting Image classification model", ["tutorials/other-libraries"]],
]
