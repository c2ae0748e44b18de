/** One request and its answer, for this switch and for Open vSwitch. */
import type { Outgoing } from '../../../../southbound/openflow/message.ts'

export interface CaseContext {
  /** MAC address of port 1. */
  readonly mac: number
}
export type Sent = Outgoing | Uint8Array

export interface Case {
  /** Carried out before, without an error. */
  readonly before?: readonly Sent[]
  readonly send: Sent | readonly Sent[] | ((context: CaseContext) => Sent)
  /** Name of the error, type of the answer, or '' for a request that is carried out in silence. */
  readonly answer: string
  /** What Open vSwitch 3.1 answers where that differs; why is in the README. */
  readonly openVswitch?: string
}
export type Cases = Readonly<Record<string, Case>>
