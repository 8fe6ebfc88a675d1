import { defineCommand } from "../command.ts"
import { jsonFlag } from "../flags/model.ts"
import { fetchModel } from "../hub.ts"
import { note, print } from "../output.ts"
import { bytes, printable } from "../show/text.ts"

const variables = `
Models and data sets lie in the cache that Python shares. A download that was interrupted goes on where it ended.
  HF_ENDPOINT            another hub; default: https://huggingface.co
  HF_TOKEN               for private and gated models; default: that of "hf auth login"
  HF_HUB_OFFLINE=1       the cache is all there is
  HF_HUB_CACHE, HF_HOME  where the cache is; default: ~/.cache/huggingface
`

export const pull = defineCommand({
  arguments: [
    [
      "<name>",
      "hf:owner/name, or with @revision (a branch, tag or commit) or /file.npz behind it; hf:datasets/owner/name for data",
    ],
  ],
  flags: jsonFlag,
  examples: [
    ["vitrine pull hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", ""],
    ["vitrine pull hf:datasets/uoft-cs/cifar10", "the Parquet files of a data set; train --data takes their folder"],
    ["vitrine predict --model hf:google/vit-base-patch16-224 photo.jpg", "other commands fetch what they need too"],
  ],
  notes: () => variables,
  async run([model], { json }) {
    const { name, path, commit, fetched } = await fetchModel(model)
    if (json) return print(JSON.stringify({ model: name, commit, path, fetched }))
    note(fetched === 0 ? "There already:" : `${bytes(fetched)} fetched:`)
    print(printable(path))
  },
})
