import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { crc32 } from "node:zlib"
import { readSafetensors, type StoredTensor, writeSafetensors } from "@vitrine/checkpoint"
import { describe, expect, test } from "vitest"
import { dict, npy, zip } from "../../../packages/checkpoint/test/archives.ts"
import { expectFault, golden, processRefused, refused, temporaryFolder, tinyData, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const huggingFace = fileURLToPath(new URL("../../../tooling/golden/files/huggingface-vit", import.meta.url))
const image = join(golden, "grey.png")
const data = tinyData(join(folder, "tiny"))
let made = 0

const write = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, `${made++}-${name}`)
  writeFileSync(path, bytes)
  return path
}

/** A model folder with its tensors changed. */
function changed(origin: string, change: (tensors: Map<string, StoredTensor>) => unknown): string {
  const path = join(folder, `model-${made++}`)
  cpSync(origin, path, { recursive: true })
  const file = join(path, "model.safetensors")
  const tensors = new Map(readSafetensors(readFileSync(file), file).tensors)
  change(tensors)
  writeFileSync(file, Buffer.concat(writeSafetensors(tensors)))
  return path
}

const filled = (shape: readonly number[], value = 0): StoredTensor => ({
  dtype: "F32",
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value),
})

describe("tensors that do not fit: one line with the name, what was expected and what came", () => {
  test.each<[string, string, (tensors: Map<string, StoredTensor>) => unknown, RegExp]>([
    ["missing", golden, (t) => t.delete("norm.bias"), /tensors; missing: "norm\.bias"$/m],
    ["too many", golden, (t) => t.set("evil\n\u001b[31m", filled([3])), /; unexpected: "evil\\n\\u001b\[31m"$/m],
    [
      "of another shape",
      golden,
      (t) => t.set("head.bias", filled([3])),
      /wrong shape: "head\.bias" is \[3\], not \[7\]$/m,
    ],
    ["of another rank", golden, (t) => t.set("norm.bias", filled([1, 48])), /"norm\.bias" is \[1, 48\], not \[48\]$/m],
    ["empty", golden, (t) => t.set("head.bias", filled([0])), /"head\.bias" is \[0\], not \[7\]$/m],
    [
      "integers",
      golden,
      (t) => t.set("head.bias", { dtype: "I32", shape: [7], data: new Int32Array(7) }),
      /wrong dtype: "head\.bias" is I32, not one of F32, F16, BF16, F64$/m,
    ],
    [
      "missing of Hugging Face's",
      huggingFace,
      (t) => t.delete("vit.layernorm.bias"),
      /missing: "vit\.layernorm\.bias"$/m,
    ],
    [
      "of another shape, of Hugging Face's",
      huggingFace,
      (t) => t.set("classifier.weight", filled([5, 47])),
      /"classifier\.weight" is \[5, 47\], not \[5, 48\]$/m,
    ],
  ])("%s", async (_, origin, change, fault) => {
    await refused(["predict", "--model", changed(origin, change), image], fault)
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("of %d: the answer is an error and no nulls", async (value) => {
    const path = changed(golden, (t) => t.set("head.bias", filled([7], value)))
    for (const command of [["predict", "--json"], ["predict"]])
      expectFault(await vitrine([...command, "--model", path, image]), /answers with numbers that are not finite/)
    const listed = JSON.parse((await vitrine(["weights", path, "--json"])).stdout)
    expect(listed.tensors.find(({ name }: { name: string }) => name === "head.bias").nonFinite).toBe(7)
  })
})

test("a tensor larger than Node reads at a time, in a file of nothing", async () => {
  const header = JSON.stringify({ huge: { dtype: "F32", shape: [2 ** 31], data_offsets: [0, 2 ** 33] } }).padEnd(88)
  const path = write("sparse.safetensors", "")
  writeFileSync(
    path,
    Buffer.concat([new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer), Buffer.from(header)]),
  )
  truncateSync(path, 8 + header.length + 2 ** 33)
  await processRefused(["weights", path], /sparse\.safetensors: has 8589934592 bytes in one piece, over the limit/)
  await refused(["predict", "--model", path, image], /holds no Vision Transformer/)
})

describe("an index of weights in several files", () => {
  const shard = "model-00001-of-00001.safetensors"
  test.each<[string, (index: { weight_map: Record<string, unknown> }) => unknown, RegExp]>([
    [
      "a path upwards",
      (index) => (index.weight_map["norm.bias"] = "../x.safetensors"),
      /"norm\.bias" lies in "\.\.\/x/,
    ],
    [
      "an absolute path",
      (index) => (index.weight_map["norm.bias"] = "/etc/passwd"),
      /which is no file beside the index/,
    ],
    ["a number", (index) => (index.weight_map["norm.bias"] = 7), /"norm\.bias" lies in 7, which is no file/],
    [
      "a file that is not there",
      (index) => (index.weight_map["another"] = "y.safetensors"),
      /has no y\.safetensors, which model\.safetensors\.index/,
    ],
    ["a tensor that is nowhere", (index) => (index.weight_map["evil\n"] = shard), /missing: "evil\\n"/],
    ["a tensor too few", (index) => delete index.weight_map["norm.bias"], /unexpected: "norm\.bias"/],
    ["no map", (index) => (index.weight_map = [] as never), /weight_map must be an object, got \[\]/],
  ])("with %s", async (_, change, fault) => {
    const path = join(folder, `model-${made++}`)
    cpSync(golden, path, { recursive: true })
    renameSync(join(path, "model.safetensors"), join(path, shard))
    const names = [...readSafetensors(readFileSync(join(path, shard)), shard).tensors.keys()]
    const index = { weight_map: Object.fromEntries(names.map((name): [string, unknown] => [name, shard])) }
    change(index)
    writeFileSync(join(path, "model.safetensors.index.json"), JSON.stringify(index))
    await refused(["predict", "--model", path, image], fault)
  })
})

describe("pickles are never executed", () => {
  const witness = join(folder, "executed")
  // Protocol 0: os.system("touch …").
  const pickle = Buffer.from(`cos\nsystem\n(S'touch ${witness}'\ntR.`)
  const objects = npy(dict("'|O'", "(1,)"), pickle)
  test.each<[string, Uint8Array, RegExp, RegExp]>([
    ["objects.npy", objects, /is pickled, which is never executed/, /is neither a model folder/],
    ["objects.npz", zip([{ name: "a.npy", content: objects }]), /entry "a\.npy": is pickled/, /is pickled/],
    ["deflated.npz", zip([{ name: "a.npy", content: objects, method: 8 }]), /is pickled/, /is pickled/],
    [
      "torch.bin",
      zip([{ name: "m/data.pkl", content: pickle }]),
      /data\.pkl" is pickled, which is never/,
      /is a pickle of PyTorch's, .* never read/,
    ],
    ["legacy.bin", pickle, /not a safetensors file/, /is a pickle of PyTorch's, .* never read/],
    ["renamed.safetensors", pickle, /not a safetensors file/, /not a safetensors file/],
  ])("%s", async (name, bytes, listed, loaded) => {
    const path = write(name, bytes)
    await refused(["weights", path], listed)
    await refused(["predict", "--model", path, image], loaded)
    await refused(["train", "--from", path, "--data", data, "--out", join(folder, "never")], loaded)
    expect(existsSync(witness)).toBe(false)
  })
})

describe(".npz and .npy", () => {
  const one = npy(dict(), 8)
  const entry = { name: "a.npy", content: one }
  const zeros = npy(dict("'<f4'", "(50000000,)"), 2e8)
  test.each<[string, string, Uint8Array, RegExp, typeof refused?]>([
    ["records", "a.npy", npy(dict("[('a', '<f4'), ('b', '|O')]"), 24), /is a structured array/],
    ["text", "a.npy", npy(dict("'<U2'"), 16), /has the dtype "<U2"/],
    ["dates", "a.npy", npy(dict("'<M8[ns]'"), 16), /has the dtype/],
    ["code in the header", "a.npy", npy("__import__('os').system('true')"), /expected "\{" at "__import__/],
    [
      "a size without end",
      "a.npy",
      npy(dict("'<f4'", "(9007199254740991, 9007199254740991)")),
      /has 0 bytes of elements/,
    ],
    ["a header of 4 GiB", "a.npy", npy(dict(), 8, [2, 0]).fill(0xff, 8, 12), /claims 4294967295 bytes, over the limit/],
    ["an encrypted entry", "w.npz", zip([{ ...entry, flags: 1 }]), /entry "a\.npy" is encrypted/],
    [
      "a bomb",
      "w.npz",
      zip([{ ...entry, content: zeros, method: 8 }]),
      /would inflate from \d+ bytes to 2000000\d\d/,
      processRefused,
    ],
    [
      "a bomb that hides",
      "w.npz",
      zip([{ ...entry, content: zeros, method: 8, size: one.length, crc: crc32(one) }]),
      /"a\.npy".* (inflates to more than|needs|has \d+ bytes of elements)/,
      processRefused,
    ],
    ["a size that lies", "w.npz", zip([{ ...entry, size: 1000 }]), /is stored in \d+ bytes, but claims 1000/],
    ["a zip64 size that lies", "w.npz", zip([{ ...entry, size: 2 ** 40 }], { zip64: true }), /claims 1099511627776/],
    [
      "a zip64 directory beyond integers",
      "w.npz",
      zip([entry], { zip64: true, directoryOffset: 2 ** 60 }),
      /claims 11529/,
    ],
    ["2^50 entries", "w.npz", zip([entry], { count: 2 ** 50, zip64: true }), /claims 1125899906842624 entries/],
    ["an overlap", "w.npz", zip([entry, { ...entry, name: "b.npy", offset: 0 }]), /overlaps what comes after it/],
    ["a name twice", "w.npz", zip([entry, entry]), /entry "a\.npy" stands twice/],
    [
      "a path upwards",
      "w.npz",
      zip([{ ...entry, name: "../../a.npy" }]),
      /"\.\.\/\.\.\/a\.npy" has a name that is no plain/,
    ],
    ["an absolute path", "w.npz", zip([{ ...entry, name: "/tmp/a.npy" }]), /is no plain relative path/],
    [
      "a name that drives a terminal",
      "w.npz",
      zip([{ ...entry, name: "\u001b[31m\n.npy" }]),
      /"\\u001b\[31m\\n\.npy" has/,
    ],
    ["truncation", "w.npz", zip([entry]).subarray(0, -5), /truncated/],
    ["a wrong checksum", "w.npz", zip([{ ...entry, crc: 7 }]), /is damaged: its checksum is another one/],
  ])("with %s", async (_, name, bytes, fault, check = refused) => {
    await check(["weights", write(name, bytes)], fault)
  })

  test("of no model", async () => {
    const kernel = npy(dict("'<f4'", "(4, 4, 3, 12)"), 4 * 576)
    const path = write("w.npz", zip([{ name: "embedding/kernel.npy", content: kernel }]))
    await refused(["predict", "--model", path, image], /w\.npz: .*missing/)
    await refused(["predict", "--model", write("w.npz", zip([entry])), image], /w\.npz: .*missing/)
  })

  test("Fortran's order and the other end first are read", async () => {
    const values = Buffer.alloc(24)
    ;[1, 4, 2, 5, 3, 6].forEach((value, i) => values.writeFloatBE(value, 4 * i))
    const path = write("b.npy", npy(dict("'>f4'", "(2, 3)", "True"), values))
    const { stdout } = await vitrine(["weights", path, "--json"])
    expect(JSON.parse(stdout).tensors).toMatchObject([{ dtype: "F32", shape: [2, 3], min: 1, max: 6, mean: 3.5 }])
  })
})

describe("a configuration of Hugging Face's", () => {
  const text = (file: string): string => readFileSync(join(huggingFace, file), "utf8")
  test.each<[string, string, (json: string) => string, RegExp]>([
    [
      "a billion layers",
      "config.json",
      (json) => json.replace(/("num_hidden_layers": )2/, "$11e9"),
      /config\.json: .*depth/,
    ],
    ["a width of 1e308", "config.json", (json) => json.replace(/("hidden_size": )48/, "$11e308"), /config\.json: /],
    ["NaN", "config.json", (json) => json.replace(/("hidden_size": )48/, "$1NaN"), /config\.json: .*not JSON/],
    [
      "Infinity",
      "config.json",
      (json) => json.replace(/("layer_norm_eps": )[^,]*/, "$11e999"),
      /a number, got Infinity/,
    ],
    ["a negative patch", "config.json", (json) => json.replace(/("patch_size": )16/, "$1-16"), /config\.json: .*patch/],
    ["a field twice", "config.json", (json) => json.replace("{", '{"model_type":"vit",'), /has "model_type" twice/],
    ["deep JSON", "config.json", () => '{"a":'.repeat(100_000), /nested more than 64 deep/],
    ["17 MB of spaces", "config.json", () => " ".repeat(17e6), /over the limit of 16777216/],
    [
      "an activation from the prototype",
      "config.json",
      (json) => json.replace('"gelu"', '"toString"'),
      /config\.json: /,
    ],
    [
      "an image without end",
      "preprocessor_config.json",
      (json) => json.replace(/("height": )48/, "$11e9"),
      /preprocessor_config\.json: .*size/,
    ],
    [
      "a deviation of 0",
      "preprocessor_config.json",
      (json) => json.replace(/("image_std": \[\s*)0\.5/, "$10"),
      /image_std must be above 0/,
    ],
    [
      "a filter of none",
      "preprocessor_config.json",
      (json) => json.replace(/("resample": )2/, "$199"),
      /resample must be/,
    ],
    [
      "a factor of 0",
      "preprocessor_config.json",
      (json) => json.replace(/("rescale_factor": )[\d.]+/, "$10"),
      /rescale_factor must be above 0/,
    ],
  ])("%s", async (_, file, change, fault) => {
    const path = join(folder, `hf-${made++}`)
    mkdirSync(path)
    cpSync(huggingFace, path, { recursive: true })
    writeFileSync(join(path, file), change(text(file)))
    await refused(["predict", "--model", path, image], fault)
  })

  test("the label of a millionth class", async () => {
    const path = join(folder, `hf-${made++}`)
    cpSync(huggingFace, path, { recursive: true })
    writeFileSync(join(path, "config.json"), text("config.json").replace('"0":', '"1000000":'))
    const { code, stderr } = await vitrine(["predict", "--model", path, image])
    expect(code).toBe(0)
    expect(stderr).toMatch(/id2label names a class 1000000, but the model has 5: they are called by their numbers/)
  })
})
