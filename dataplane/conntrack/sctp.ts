/**
 * SCTP by the types of its chunks (RFC 9260 §3.2, §4). Verification tags and sequence numbers are
 * not looked at. An association begins with INIT, or on a further path of it with HEARTBEAT.
 * Open vSwitch 3.1 tracks SCTP by addresses alone; this is closer to Linux.
 * Neighbours: table.ts (records), conntrack.ts (who calls).
 */
import { sctp } from '../../southbound/wire/sctp.ts'
import { type Reading, WHOLE } from './parse.ts'
import { type ConnectionTable, STATE } from './table.ts'
import { TIMEOUT } from './timeouts.ts'
import { ANEW, INVALID, STILL_NEW, VALID } from './verdict.ts'

export const SCTP_STATES = [
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
] as const
type State = (typeof SCTP_STATES)[number]
const numberOf = (state: State) => SCTP_STATES.indexOf(state)

/** The way from one state to the next; `by`: who sends it, as seen from him who began. */
interface Row {
  readonly by: 'both' | 'original' | 'reply'
  readonly from: readonly State[]
  readonly to?: State
}
const OPENING: readonly State[] = ['COOKIE_WAIT', 'COOKIE_ECHOED']
const OPEN: readonly State[] = [
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
]
const ALL: readonly State[] = SCTP_STATES

/** By chunk type; a type that is not here changes nothing. The first row that fits counts. */
const chunks: { readonly [type: number]: readonly Row[] } = {
  // DATA travels with COOKIE ECHO at the earliest; SACK answers it.
  0: [{ by: 'both', from: ['COOKIE_ECHOED', ...OPEN] }],
  3: [{ by: 'both', from: ['COOKIE_ECHOED', ...OPEN] }],
  // INIT: again, from both at once, or by a side that has restarted (§5.2).
  1: [{ by: 'both', from: [...OPENING, ...OPEN, 'HEARTBEAT_SENT'] }],
  2: [{ by: 'both', from: [...OPENING, ...OPEN] }],
  4: [{ by: 'both', from: ALL }],
  5: [
    { by: 'reply', from: ['HEARTBEAT_SENT'], to: 'ESTABLISHED' },
    { by: 'both', from: OPEN },
  ],
  // ABORT, and SHUTDOWN COMPLETE, which is the last of a shutdown.
  6: [{ by: 'both', from: ALL, to: 'CLOSED' }],
  14: [{ by: 'both', from: ['SHUTDOWN_ACK_SENT', 'CLOSED'], to: 'CLOSED' }],
  7: [
    { by: 'original', from: ['ESTABLISHED'], to: 'SHUTDOWN_SENT' },
    { by: 'reply', from: ['ESTABLISHED'], to: 'SHUTDOWN_RECD' },
    { by: 'both', from: OPEN },
  ],
  8: [
    { by: 'reply', from: ['SHUTDOWN_SENT'], to: 'SHUTDOWN_ACK_SENT' },
    { by: 'original', from: ['SHUTDOWN_RECD'], to: 'SHUTDOWN_ACK_SENT' },
    { by: 'both', from: ['SHUTDOWN_SENT', 'SHUTDOWN_RECD', 'SHUTDOWN_ACK_SENT'] },
  ],
  // COOKIE ECHO is sent again when both began at once, and after a restart.
  10: [
    { by: 'both', from: OPENING, to: 'COOKIE_ECHOED' },
    { by: 'both', from: OPEN },
  ],
  11: [
    { by: 'both', from: ['COOKIE_ECHOED'], to: 'ESTABLISHED' },
    { by: 'both', from: OPEN },
  ],
}

const NO_ROW = 0xff
const SAME = 0xfe
/** Next state by chunk type (16), direction (2) and state (8). */
const next = new Uint8Array(16 * 2 * 8).fill(SAME)
for (const [type, rows] of Object.entries(chunks)) {
  for (const [reply, side] of [
    [0, 'original'],
    [1, 'reply'],
  ] as const) {
    SCTP_STATES.forEach((state, i) => {
      const row = rows.find(
        ({ by, from }) => (by === 'both' || by === side) && from.includes(state),
      )
      const to = row === undefined ? NO_ROW : row.to === undefined ? SAME : numberOf(row.to)
      next[(Number(type) * 2 + reply) * 8 + i] = to
    })
  }
}

const INIT = 1
const HEARTBEAT = 4
const [CLOSED, COOKIE_WAIT, HEARTBEAT_SENT] = [
  numberOf('CLOSED'),
  numberOf('COOKIE_WAIT'),
  numberOf('HEARTBEAT_SENT'),
]
/** In the word STATE, beside the state: the other side has spoken. */
const ANSWERED = 0x100
const STATE_MASK = 0xff
/** More chunks than a packet of the largest size may sensibly hold are not read. */
const MAX_CHUNKS = 64
const CHUNK_HEADER = 4

const firstChunk = ({ bytes, l4, end }: Reading) =>
  end - l4 >= sctp.size + CHUNK_HEADER ? bytes[l4 + sctp.size]! : -1

export function beginsSctp(reading: Reading): boolean {
  const type = firstChunk(reading)
  return type === INIT || type === HEARTBEAT
}

export const SCTP_TIMEOUT = TIMEOUT.sctp_opening

export function beginSctp(words: Uint32Array, record: number, reading: Reading): void {
  words[record + STATE] = firstChunk(reading) === INIT ? COOKIE_WAIT : HEARTBEAT_SENT
}

export function updateSctp(
  table: ConnectionTable,
  record: number,
  reading: Reading,
  reply: boolean,
  now: number,
): number {
  const { words } = table
  const { bytes, l4, end } = reading
  let state = words[record + STATE]! & STATE_MASK
  const first = firstChunk(reading)
  if (first < 0) return INVALID
  if (first === INIT && state === CLOSED) return ANEW
  let o = l4 + sctp.size
  for (let n = 0; o < end; n++) {
    if (n === MAX_CHUNKS || end - o < CHUNK_HEADER) return INVALID
    const type = bytes[o]!
    const length = (bytes[o + 2]! << 8) | bytes[o + 3]!
    // The last chunk of a first fragment goes on in the next one.
    if (length < CHUNK_HEADER || (o + length > end && reading.fragment === WHOLE)) return INVALID
    if (type < 16) {
      const to = next[(type * 2 + (reply ? 1 : 0)) * 8 + state]!
      if (to === NO_ROW) return INVALID
      if (to !== SAME) state = to
    }
    o += (length + 3) & ~3
  }
  const answered = reply ? ANSWERED : words[record + STATE]! & ANSWERED
  words[record + STATE] = state | answered
  table.touch(record, timeoutOf(state), now)
  return answered ? VALID : STILL_NEW
}

const timeouts = SCTP_STATES.map((state) =>
  state === 'ESTABLISHED'
    ? TIMEOUT.sctp_established
    : OPENING.includes(state) || state === 'HEARTBEAT_SENT'
      ? TIMEOUT.sctp_opening
      : TIMEOUT.sctp_closing,
)
const timeoutOf = (state: number) => timeouts[state]!

export const sctpStateOf = (words: Uint32Array, record: number): string =>
  SCTP_STATES[words[record + STATE]! & STATE_MASK]!
