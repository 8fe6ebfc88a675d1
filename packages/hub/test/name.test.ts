import { describe, expect, test } from "vitest"
import { hubAddress, isHubName, parseHubName } from "../src/index.ts"

describe("names", () => {
  test.each([
    [
      "hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
      "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k",
      "main",
      null,
    ],
    ["google/vit-base-patch16-224", "google/vit-base-patch16-224", "main", null],
    ["hf:a/b@refs/pr/1", "a/b", "refs/pr/1", null],
    ["hf:a/b/ViT-B_16.npz@v1.0", "a/b", "v1.0", "ViT-B_16.npz"],
  ])("%s", (text, repo, revision, file) => {
    expect(parseHubName(text)).toEqual({ repo, revision, file })
    expect(isHubName(text)).toBe(text.startsWith("hf:"))
  })

  test.each([
    "hf:",
    "hf:name",
    "hf:a/",
    "hf:/b",
    "hf:../b",
    "hf:a/..",
    "hf:a/b@",
    "hf:a/b@../x",
    "hf:a/b@x/..",
    "hf:a/b@/x",
    "hf:a--b/c",
    "hf:a/b/c/d.npz",
    "hf:a/b/pytorch_model.bin",
    "hf:a/b?x",
    "hf:a b/c",
    "hf:a/b\n",
    `hf:a/${"b".repeat(97)}`,
    "hf:a/b@main@x",
    "hf:datasets/a/b",
  ])("%j is none", (text) => {
    expect(() => parseHubName(text)).toThrow(/is no name of a model on the hub; expected hf:owner\/name/)
  })

  test("and the address of their files", () => {
    expect(hubAddress(parseHubName("hf:a/b@refs/pr/1"))).toBe("https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/")
  })
})
