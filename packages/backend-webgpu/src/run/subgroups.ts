import type { Gpu } from "./gpu.ts"

const threads = 64

const code = `enable subgroups;
@group(0) @binding(0) var<storage, read_write> lanes: array<vec2<u32>>;
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32, @builtin(subgroup_size) size: u32) {
  lanes[local] = vec2<u32>(lane, size);
}`

/** The result for each device. */
const counts = new WeakMap<GPUDevice, Promise<number>>()

/**
 * The number of neighbouring threads of a workgroup that are certainly in one subgroup; 0 for a device without
 * subgroups. WGSL does not define the arrangement of threads in subgroups, so a kernel measures it.
 */
export function sideBySide(gpu: Gpu): Promise<number> {
  const { device } = gpu
  const count = counts.get(device) ?? look(gpu)
  counts.set(device, count)
  return count
}

async function look(gpu: Gpu): Promise<number> {
  const { device } = gpu
  const { subgroupMinSize: least = 0 } = device.adapterInfo
  if (!device.features.has("subgroups") || least < 2) return 0
  const bytes = 8 * threads
  const pipeline = await gpu.pipeline("layout of subgroups", code, "w")
  const buffer = gpu.buffer("layout of subgroups", bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC)
  const readback = gpu.takeReadback(bytes)
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout: gpu.layout("w"), entries: [{ binding: 0, resource: { buffer } }] }),
  )
  pass.dispatchWorkgroups(1)
  pass.end()
  encoder.copyBufferToBuffer(buffer, 0, readback, 0, bytes)
  device.queue.submit([encoder.finish()])
  await gpu.settled(readback.mapAsync(GPUMapMode.READ, 0, bytes))
  const layout = [...new Uint32Array(readback.getMappedRange(0, bytes))]
  readback.unmap()
  gpu.giveReadback(readback)
  buffer.destroy()
  const lanes = layout.filter((_, i) => i % 2 === 0)
  const sizes = layout.filter((_, i) => i % 2 === 1)
  const inOrder = sizes.every((size, i) => size >= least && lanes[i] === i % size)
  return inOrder ? Math.min(least, threads) : 0
}
