import type { HostTensor, Programs, State } from "@vitrine/core"
import type { Measure, Sized } from "./objectives/objective.ts"
import type { Communicator } from "./ranks.ts"

/**
 * Runs the programs of an `evaluationGraph` over batches once. `state` holds the parameters, unless they are constants
 * of the programs. `onOutputs` gets the outputs of each batch. Where ranks share the batches, batch k is of rank k mod n,
 * and every rank returns the result of all.
 */
export async function evaluateBatches<B extends Sized, E extends object>(
  programs: Programs,
  batches: AsyncIterable<B>,
  measure: Measure<B, E>,
  state?: State,
  onOutputs: (outputs: Readonly<Record<string, HostTensor>>, batch: B) => void = () => {},
  ranks?: Communicator,
): Promise<E> {
  const pass = measure.pass()
  const records: unknown[] = []
  for await (const batch of batches) {
    const program = await programs.at(batch.size)
    const record = await pass.record(batch, async (inputs) => {
      const outputs = await program.run(inputs, state)
      onOutputs(outputs, batch)
      return outputs
    })
    if (ranks === undefined) pass.add(record)
    else records.push(record)
  }
  if (ranks !== undefined) {
    const all = await ranks.gather(records)
    const rounds = Math.max(...all.map(({ length }) => length))
    for (let round = 0; round < rounds; round++)
      for (const ofRank of all) if (round < ofRank.length) pass.add(ofRank[round])
  }
  return pass.result()
}
