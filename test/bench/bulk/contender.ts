/** What is measured alike of both. Neighbours: weft.ts, ovn.ts; ../bulk.ts takes them in turn. */
import type { ShapePort } from './shape.ts'

export interface Contender {
  readonly name: string
  /** The control plane's processes, and those of the two switches. */
  readonly pids: { readonly control: readonly number[]; readonly switches: readonly number[] }
  /** Makes the interfaces of these ports, which nobody knows of yet. */
  plug(ports: readonly ShapePort[]): Promise<void>
  /** Prepares what is written, so that only writing it is measured; the function resolves once all of it is realized. */
  prepare(ports: readonly ShapePort[], total: number): () => Promise<void>
  /** Takes networks, ports and interfaces away again, and resolves when the hosts have followed. */
  clear(): Promise<void>
  /** On br-int of either host. */
  flows(): Promise<number[]>
  close(): Promise<void>
}
