import { treeFold } from "@vitrine/trainer"
import { openMpi } from "@vitrine/mpi"

// Runs as a rank: prints what it found as a line of JSON.
const ranks = await openMpi()
const values = Float32Array.from({ length: 1001 }, (_, i) => (i + 0.1) * 10 ** ranks.rank)
const all = await ranks.gather(values)
await ranks.allReduce(values)
const expected = treeFold(all, (a, b) => a.map((x, i) => x + (b[i] ?? Number.NaN)))
const far = Math.max(...values.map((x, i) => Math.abs(x / (expected[i] ?? Number.NaN) - 1)))
const bytes = await ranks.broadcast(ranks.rank === 0 ? Uint8Array.of(1, 2, 3) : undefined)
await ranks.barrier()
console.log(JSON.stringify({ rank: ranks.rank, size: ranks.size, far, bytes: [...bytes] }))
ranks.close()
