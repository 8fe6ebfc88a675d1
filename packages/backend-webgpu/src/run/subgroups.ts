import type { Gpu } from "./gpu.ts"

const threads = 64

const code = `enable subgroups;
@group(0) @binding(0) var<storage, read_write> seen: array<vec2<u32>>;
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32, @builtin(subgroup_size) size: u32) {
  seen[local] = vec2<u32>(lane, size);
}`

const known = new WeakMap<GPUDevice, Promise<number>>()

/**
 * How many neighbouring threads of a workgroup are sure to stand in one subgroup; 0 where a device has none. WGSL does not
 * say how threads are laid out in subgroups, so a kernel looks.
 */
export function sideBySide(gpu: Gpu): Promise<number> {
  const { device } = gpu
  const found = known.get(device) ?? look(gpu)
  known.set(device, found)
  return found
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
  const seen = new Uint32Array(readback.getMappedRange(0, bytes).slice(0))
  readback.unmap()
  gpu.giveReadback(readback)
  buffer.destroy()
  const inOrder = Array.from({ length: threads }, (_, i) => {
    const [lane, size] = [seen[2 * i] as number, seen[2 * i + 1] as number]
    return size >= least && lane === i % size
  })
  return inOrder.every(Boolean) ? Math.min(least, threads) : 0
}
