/**
 * What every matcher must answer: flows in the order of their insertion, what is removed again,
 * and the flow that takes each packet. Names of flows are their numbers in the list.
 */
import type { Clause } from '../../../dataplane/classifier/matcher.ts'
import type { Match } from '../../../southbound/openflow/match.ts'

export interface Case {
  readonly name: string
  readonly flows: readonly { priority: number; match: Match; clauses?: readonly Clause[] }[]
  readonly removed?: readonly number[]
  /** A packet as the fields that are not 0, and the number of the flow that takes it. */
  readonly lookups: readonly (readonly [packet: Match, flow: number | undefined])[]
}

const clause = (id: number, at: number, size = 2): readonly Clause[] => [{ id, clause: at, size }]

export const cases: readonly Case[] = [
  {
    name: 'nothing matches in an empty table',
    flows: [],
    lookups: [[{ in_port: 1 }, undefined]],
  },
  {
    name: 'the match without fields takes every packet',
    flows: [{ priority: 0, match: {} }],
    lookups: [
      [{}, 0],
      [{ in_port: 1, eth_type: 0x800 }, 0],
    ],
  },
  {
    name: 'the higher priority wins, in whichever order they came',
    flows: [
      { priority: 1, match: { in_port: 1 } },
      { priority: 3, match: { in_port: 1 } },
      { priority: 2, match: { in_port: 1 } },
    ],
    lookups: [[{ in_port: 1 }, 1]],
  },
  {
    name: 'the higher priority wins between different masks',
    flows: [
      { priority: 10, match: { eth_type: 0x800, ipv4_dst: [0x0a000000, 0xff000000] } },
      { priority: 5, match: { eth_type: 0x800, ipv4_dst: [0x0a010000, 0xffff0000] } },
      { priority: 20, match: { eth_type: 0x800, ipv4_dst: 0x0a010203 } },
    ],
    lookups: [
      [{ eth_type: 0x800, ipv4_dst: 0x0a010203 }, 2],
      [{ eth_type: 0x800, ipv4_dst: 0x0a010204 }, 0],
      [{ eth_type: 0x800, ipv4_dst: 0x0b010203 }, undefined],
    ],
  },
  {
    name: 'of one priority the first one wins, within a mask and between masks',
    flows: [
      { priority: 7, match: { eth_dst: [0x010000000000, 0x010000000000] } },
      { priority: 7, match: { eth_src: 0x02 } },
      { priority: 7, match: { in_port: 4 } },
    ],
    lookups: [
      [{ eth_dst: 0x010000000000, eth_src: 0x02, in_port: 4 }, 0],
      [{ eth_src: 0x02, in_port: 4 }, 1],
      [{ in_port: 4 }, 2],
    ],
  },
  {
    name: 'a removed flow uncovers the one below, and a mask that is gone is not searched',
    flows: [
      { priority: 9, match: { in_port: 1, eth_type: 0x806 } },
      { priority: 8, match: { in_port: 1 } },
      { priority: 7, match: { in_port: 1 } },
      { priority: 6, match: {} },
    ],
    removed: [0, 1],
    lookups: [
      [{ in_port: 1, eth_type: 0x806 }, 2],
      [{ in_port: 2 }, 3],
    ],
  },
  {
    name: 'all words of a wide field count, and all bits of a register seen in two ways',
    flows: [
      {
        priority: 2,
        match: { eth_type: 0x86dd, ipv6_dst: 0xfd00_0000_0000_0000_0000_0000_0000_0001n },
      },
      { priority: 2, match: { xreg0: [0x0000_0001_0000_0000n, 0xffff_ffff_0000_0000n], reg1: 5 } },
    ],
    lookups: [
      [{ eth_type: 0x86dd, ipv6_dst: 0xfd00_0000_0000_0000_0000_0000_0000_0001n }, 0],
      [{ eth_type: 0x86dd, ipv6_dst: 0xfd00_0000_0000_0001_0000_0000_0000_0001n }, undefined],
      [{ reg0: 1, reg1: 5 }, 1],
      [{ reg0: 1, reg1: 6 }, undefined],
    ],
  },
  {
    name: 'a value of 0 under a mask is a value: a frame without a tag',
    flows: [
      { priority: 2, match: { vlan_vid: 0 } },
      { priority: 1, match: { vlan_vid: [0x1000, 0x1000] } },
    ],
    lookups: [
      [{}, 0],
      [{ vlan_vid: 0x1005 }, 1],
    ],
  },
  {
    name: 'a conjunction takes what meets all its clauses, and clauses take nothing',
    flows: [
      { priority: 5, match: { eth_type: 0x800, ipv4_src: 1 }, clauses: clause(9, 0) },
      { priority: 5, match: { eth_type: 0x800, ipv4_src: 2 }, clauses: clause(9, 0) },
      { priority: 5, match: { eth_type: 0x800, ipv4_dst: 3 }, clauses: clause(9, 1) },
      { priority: 1, match: { conj_id: 9 } },
      { priority: 0, match: {} },
    ],
    lookups: [
      [{ eth_type: 0x800, ipv4_src: 2, ipv4_dst: 3 }, 3],
      [{ eth_type: 0x800, ipv4_src: 2, ipv4_dst: 4 }, 4],
      [{ eth_type: 0x800, ipv4_src: 3, ipv4_dst: 3 }, 4],
    ],
  },
  {
    name: 'a whole flow of the same or a higher priority wins over a conjunction',
    flows: [
      { priority: 5, match: { in_port: 1 }, clauses: clause(9, 0) },
      { priority: 5, match: { eth_src: 2 }, clauses: clause(9, 1) },
      { priority: 5, match: { conj_id: 9 } },
      { priority: 5, match: { eth_dst: 1 } },
      { priority: 4, match: { eth_dst: 2 } },
    ],
    lookups: [
      [{ in_port: 1, eth_src: 2, eth_dst: 1 }, 3],
      [{ in_port: 1, eth_src: 2, eth_dst: 2 }, 2],
      [{ in_port: 1, eth_src: 3, eth_dst: 2 }, 4],
    ],
  },
  {
    name: 'clauses of different priorities, ids and sizes are not added up',
    flows: [
      { priority: 5, match: { in_port: 1 }, clauses: clause(9, 0) },
      { priority: 6, match: { eth_src: 2 }, clauses: clause(9, 1) },
      { priority: 5, match: { eth_src: 3 }, clauses: clause(8, 1) },
      { priority: 5, match: { eth_src: 4 }, clauses: clause(9, 1, 3) },
      { priority: 1, match: { conj_id: 9 } },
      { priority: 1, match: { conj_id: 8 } },
    ],
    lookups: [
      [{ in_port: 1, eth_src: 2 }, undefined],
      [{ in_port: 1, eth_src: 3 }, undefined],
      [{ in_port: 1, eth_src: 4 }, undefined],
    ],
  },
  {
    name: 'a removed clause no longer counts',
    flows: [
      { priority: 5, match: { in_port: 1 }, clauses: clause(9, 0) },
      { priority: 5, match: { eth_src: 2 }, clauses: clause(9, 1) },
      { priority: 1, match: { conj_id: 9 } },
    ],
    removed: [1],
    lookups: [[{ in_port: 1, eth_src: 2 }, undefined]],
  },
  {
    name: 'of two conjunctions that are met the higher priority wins, then the lower id; nothing is left of the packet before',
    flows: [
      { priority: 5, match: { in_port: 1 }, clauses: [...clause(9, 0), ...clause(8, 0)] },
      { priority: 5, match: { eth_src: 2 }, clauses: [...clause(9, 1), ...clause(8, 1)] },
      { priority: 6, match: { eth_type: 0x800 }, clauses: clause(7, 0) },
      { priority: 6, match: { eth_dst: 3 }, clauses: clause(7, 1) },
      { priority: 1, match: { conj_id: 9 } },
      { priority: 1, match: { conj_id: 8 } },
      { priority: 1, match: { conj_id: 7 } },
    ],
    lookups: [
      [{ in_port: 1 }, undefined],
      [{ eth_src: 2 }, undefined],
      [{ in_port: 1, eth_src: 2 }, 5],
      [{ in_port: 1, eth_src: 2, eth_type: 0x800 }, 5],
      [{ in_port: 1, eth_src: 2, eth_type: 0x800, eth_dst: 3 }, 6],
    ],
  },
  {
    name: 'a conjunction has up to 64 clauses, each met once however many flows are of it',
    flows: [
      ...Array.from({ length: 62 }, (_, at) => ({
        priority: 5,
        match: { reg0: [0, 2 ** (at & 31)] as const },
        clauses: clause(9, at, 64),
      })),
      { priority: 5, match: { in_port: 1 }, clauses: clause(9, 62, 64) },
      { priority: 5, match: { eth_type: 0x800 }, clauses: clause(9, 62, 64) },
      { priority: 5, match: { eth_src: 2 }, clauses: clause(9, 63, 64) },
      { priority: 1, match: { conj_id: 9 } },
    ],
    lookups: [
      [{ in_port: 1, eth_type: 0x800 }, undefined],
      [{ in_port: 1, eth_src: 2 }, 65],
      [{ in_port: 1, eth_src: 2, reg0: 2 }, undefined],
    ],
  },
]
