import type { AddonName } from "../find.ts"

/** A wheel as it was when this package was published. Its SHA-256 must be this one, whatever the index says. */
export interface PinnedFile {
  /** The project's name on the Python index. */
  readonly project: string
  readonly name: string
  readonly size: number
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string
}

/** The releases of the addon's sources, and of the library with which they are compiled. */
export const releases = { tfjsNode: "4.22.0", tensorflow: "2.21.0" } as const

/** The SHA-512 of the npm packages with the addon's sources, in npm's notation. */
export const sourceIntegrity: Readonly<Record<AddonName, string>> = {
  "node-cpu": "sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==",
  "node-gpu": "sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==",
}

// Only the libraries in TensorFlow's wheels are used, so the wheels of any Python version would do. These are for 3.11.
/** The wheel that contains libtensorflow without CUDA, for each platform. */
const libraries: Readonly<Record<string, PinnedFile>> = {
  "linux-x64": {
    project: "tensorflow-cpu",
    name: "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
    size: 273_829_956,
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
  },
  "linux-arm64": {
    project: "tensorflow",
    name: "tensorflow-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl",
    size: 281_828_020,
    sha256: "4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c",
  },
  "darwin-arm64": {
    project: "tensorflow",
    name: "tensorflow-2.21.0-cp311-cp311-macosx_12_0_arm64.whl",
    size: 223_405_849,
    sha256: "51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88",
  },
}

/** libtensorflow with CUDA, and the newest libraries of NVIDIA that `tensorflow[and-cuda]` of that release accepts. */
const cuda: readonly PinnedFile[] = [
  {
    project: "tensorflow",
    name: "tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
    size: 572_440_367,
    sha256: "9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124",
  },
  {
    project: "nvidia-cublas-cu12",
    name: "nvidia_cublas_cu12-12.9.3.13-py3-none-manylinux_2_27_x86_64.whl",
    size: 581_217_458,
    sha256: "d7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72",
  },
  {
    project: "nvidia-cuda-cupti-cu12",
    name: "nvidia_cuda_cupti_cu12-12.9.79-py3-none-manylinux_2_25_x86_64.whl",
    size: 10_814_997,
    sha256: "096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f",
  },
  {
    project: "nvidia-cuda-nvcc-cu12",
    name: "nvidia_cuda_nvcc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
    size: 40_546_229,
    sha256: "5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0",
  },
  {
    project: "nvidia-cuda-nvrtc-cu12",
    name: "nvidia_cuda_nvrtc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
    size: 89_568_129,
    sha256: "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4",
  },
  {
    project: "nvidia-cuda-runtime-cu12",
    name: "nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    size: 3_493_179,
    sha256: "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
  },
  {
    project: "nvidia-cudnn-cu12",
    name: "nvidia_cudnn_cu12-9.28.0.42-py3-none-manylinux_2_27_x86_64.whl",
    size: 716_538_495,
    sha256: "9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375",
  },
  {
    project: "nvidia-cufft-cu12",
    name: "nvidia_cufft_cu12-11.4.1.4-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    size: 200_877_592,
    sha256: "c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28",
  },
  {
    project: "nvidia-curand-cu12",
    name: "nvidia_curand_cu12-10.3.10.19-py3-none-manylinux_2_27_x86_64.whl",
    size: 68_295_626,
    sha256: "49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e",
  },
  {
    project: "nvidia-cusolver-cu12",
    name: "nvidia_cusolver_cu12-11.7.5.82-py3-none-manylinux_2_27_x86_64.whl",
    size: 338_117_415,
    sha256: "15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88",
  },
  {
    project: "nvidia-cusparse-cu12",
    name: "nvidia_cusparse_cu12-12.5.10.65-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    size: 366_465_088,
    sha256: "73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78",
  },
  {
    project: "nvidia-nccl-cu12",
    name: "nvidia_nccl_cu12-2.32.3-py3-none-manylinux_2_27_x86_64.whl",
    size: 351_526_311,
    sha256: "bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c",
  },
  {
    project: "nvidia-nvjitlink-cu12",
    name: "nvidia_nvjitlink_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
    size: 39_748_338,
    sha256: "e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9",
  },
]

/** The platforms for which an addon can be set up. */
export const platformsOf = (addon: AddonName): string[] =>
  addon === "node-gpu" ? ["linux-x64"] : Object.keys(libraries)

/** The wheels of an addon, or undefined if the platform has no recipe. */
export function filesOf(addon: AddonName, platform: string): readonly PinnedFile[] | undefined {
  if (!platformsOf(addon).includes(platform)) return undefined
  const { [platform]: library } = libraries
  return addon === "node-gpu" ? cuda : library && [library]
}
