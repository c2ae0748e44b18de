/** Integers up to 64 bits, to ovsdb-server and to ours: conversation.ts says what is equal. */
import {
  alike,
  insert,
  map,
  mutateRoot,
  op,
  type Request,
  root,
  selectRoot,
  set,
  transact,
} from './conversation.ts'

const MAX = 2n ** 63n - 1n
const MIN = -(2n ** 63n)
/** 2^53 + 1: the first that a JavaScript number cannot hold. */
const ODD = 2n ** 53n + 1n

const write = (value: bigint): Request =>
  transact(
    op('update', 'Open_vSwitch', { where: [], row: { next_cfg: value } }),
    selectRoot([['next_cfg', '==', value]], 'next_cfg'),
    selectRoot([['next_cfg', '<', value]], 'next_cfg'),
    selectRoot([['next_cfg', '>=', value]], 'next_cfg'),
    selectRoot([['next_cfg', '!=', value - 1n]], 'next_cfg'),
  )
// In Node since 22, in TypeScript's library not yet.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }
/** A number as it is written. */
const literal = (text: string): Request =>
  transact(
    op('update', 'Open_vSwitch', { where: [], row: { next_cfg: rawJSON(text) } }),
    selectRoot([['next_cfg', '==', rawJSON(text)]], 'next_cfg'),
  )
const compute = (before: bigint, mutator: string, operand: bigint): Request =>
  transact(
    op('update', 'Open_vSwitch', { where: [], row: { next_cfg: before } }),
    mutateRoot(['next_cfg', mutator, operand]),
    selectRoot([], 'next_cfg'),
  )

alike('integers', {
  'are stored and compared whole': [
    root,
    ...[MAX, MIN, ODD, -ODD, ODD - 2n, 10n ** 18n].map(write),
  ],
  'beyond 64 bits are refused': [root, ...[MAX + 1n, MIN - 1n, 10n ** 30n].map(write)],
  'written with an exponent or a point': [
    root,
    ...['1e17', '-1e17', '1.5e17', '1E3', '1.0', '12e-1', '9e18', '9.3e18', '1e19', '4e-1'].map(
      literal,
    ),
    ...['123456789012345e4', '100000000000000000.0', '0.1e18', '-9.2e18'].map(literal),
  ],
  'are computed whole, and not beyond 64 bits': [
    root,
    ...(
      [
        [MAX - 1n, '+=', 1n],
        [MAX, '+=', 1n],
        [MIN + 1n, '-=', 1n],
        [MIN, '-=', 1n],
        [ODD, '*=', 3n],
        [MAX, '*=', 2n],
        [ODD, '/=', 2n],
        [-ODD, '/=', 2n],
        [-ODD, '%=', 10n],
        [ODD, '/=', 0n],
        [ODD - 2n, '+=', 2n],
        [ODD, '-=', ODD - 1n],
        [4_000_000_000n, '*=', 2_000_000_000n],
      ] as const
    ).map(([before, mutator, operand]) => compute(before, mutator, operand)),
  ],
  'in columns with a range': [
    root,
    transact(insert('QoS', { queues: map([MAX, ['named-uuid', 'q']]) }), insert('Queue', {}, 'q')),
    transact(insert('Queue', { dscp: MAX })),
    transact(insert('Port', { trunks: set(1, ODD) })),
  ],
  'come to monitors whole': [
    root,
    ['monitor', ['Open_vSwitch', 'm', { Open_vSwitch: { columns: ['next_cfg', 'cur_cfg'] } }]],
    ['monitor_cond', ['Open_vSwitch', ODD, { Open_vSwitch: [{ columns: ['next_cfg'] }] }]],
    write(MAX),
    write(MAX - 1n),
    ['monitor_cancel', [ODD]],
    ['echo', [MAX, MIN, ODD, 'x', `${MAX}`]],
  ],
})
