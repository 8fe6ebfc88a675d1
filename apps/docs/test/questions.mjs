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
]
