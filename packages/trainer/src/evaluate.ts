import type { HostTensor, Programs, State } from "@vitrine/core"
import type { Measure, Sized } from "./objectives/objective.ts"

/**
 * Runs the programs of an `evaluationGraph` over batches once. `state` holds the parameters, unless they are constants
 * of the programs. `onOutputs` gets the outputs of each batch.
 */
export async function evaluateBatches<B extends Sized, E extends object>(
  programs: Programs,
  batches: AsyncIterable<B>,
  measure: Measure<B, E>,
  state?: State,
  onOutputs: (outputs: Readonly<Record<string, HostTensor>>, batch: B) => void = () => {},
): Promise<E> {
  const pass = measure.pass()
  for await (const batch of batches) {
    const program = await programs.at(batch.size)
    await pass.add(batch, async (inputs) => {
      const outputs = await program.run(inputs, state)
      onOutputs(outputs, batch)
      return outputs
    })
  }
  return pass.result()
}
