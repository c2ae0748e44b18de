/**
 * Which ICMP messages are questions and answers, told apart by an identifier, and which are errors about
 * another packet. All others belong to no connection. Neighbours: parse.ts, datagram.ts.
 */
import { icmp, icmpEcho } from '../../southbound/wire/icmp.ts'
import { DST_PORT, SRC_PORT, TYPE_SHIFT } from './tuple.ts'

export interface IcmpTypes {
  /** Types that ask, each with the type that answers. */
  readonly queries: readonly (readonly [number, number])[]
  readonly errors: readonly number[]
}
/** Echo, timestamp, information; unreachable, source quench, redirect, time exceeded, parameter. */
export const icmpTypes: IcmpTypes = {
  queries: [
    [8, 0],
    [13, 14],
    [15, 16],
  ],
  errors: [3, 4, 5, 11, 12],
}
/** Echo; unreachable, too big, time exceeded, parameter problem. */
export const icmpv6Types: IcmpTypes = { queries: [[128, 129]], errors: [1, 2, 3, 4] }

/** Whether an ICMP type asks, and so may begin a connection. */
export function isQuery(version: number, type: number): boolean {
  const { queries } = version === 4 ? icmpTypes : icmpv6Types
  for (let i = 0; i < queries.length; i++) if (queries[i]![0] === type) return true
  return false
}

/** The identifier stands for both ports, each with the type that goes in its direction. */
export function readQuery(
  tuple: Uint32Array,
  bytes: Uint8Array,
  l4: number,
  types: IcmpTypes,
): boolean {
  const type = icmp.get.type(bytes, l4)
  let answer = -1
  for (let i = 0; i < types.queries.length; i++) {
    const [asks, answers] = types.queries[i]!
    if (type === asks) answer = answers
    else if (type === answers) answer = asks
  }
  if (answer < 0 || icmp.get.code(bytes, l4) !== 0) return false
  const id = icmpEcho.get.identifier(bytes, l4)
  tuple[SRC_PORT] = (type << TYPE_SHIFT) | id
  tuple[DST_PORT] = (answer << TYPE_SHIFT) | id
  return true
}
