import { describe, expect, test } from 'vitest'
import { sctp, split } from './packets.ts'
import { tracker } from './tracker.ts'

const out = { src: '10.0.0.1', dst: '10.0.0.2', sport: 2905, dport: 2906 }
const home = { src: out.dst, dst: out.src, sport: out.dport, dport: out.sport }
const commit = { commit: true }
const CHUNK = {
  DATA: 0,
  INIT: 1,
  INIT_ACK: 2,
  SACK: 3,
  HEARTBEAT: 4,
  HEARTBEAT_ACK: 5,
  ABORT: 6,
  SHUTDOWN: 7,
  SHUTDOWN_ACK: 8,
  COOKIE_ECHO: 10,
  COOKIE_ACK: 11,
  SHUTDOWN_COMPLETE: 14,
} as const
type Name = keyof typeof CHUNK

/** `> INIT` from the side that begins, `< INIT_ACK` from the other; answers ct_state and state. */
function told(script: string): string[] {
  const t = tracker()
  return script.split(', ').map((line) => {
    const [way, ...names] = line.split(' ')
    const chunks = names.map((name) => [CHUNK[name as Name]] as const)
    const state = t.see(sctp(way === '>' ? out : home, ...chunks), commit)
    return `${state} ${t.conntrack.entries(t.now())[0]?.states[0] ?? '-'}`
  })
}
const OPENED = '> INIT, < INIT_ACK, > COOKIE_ECHO DATA, < COOKIE_ACK SACK'

describe('SCTP', () => {
  test('an association opens, carries data and is shut down', () => {
    expect(
      told(`${OPENED}, < DATA, > SHUTDOWN, < SHUTDOWN_ACK, > SHUTDOWN_COMPLETE, > INIT`),
    ).toEqual([
      'new COOKIE_WAIT',
      'est|rpl COOKIE_WAIT',
      'est COOKIE_ECHOED',
      'est|rpl ESTABLISHED',
      'est|rpl ESTABLISHED',
      'est SHUTDOWN_SENT',
      'est|rpl SHUTDOWN_ACK_SENT',
      'est CLOSED',
      'new COOKIE_WAIT',
    ])
  })

  test('an abort closes it', () => {
    expect(told(`${OPENED}, < ABORT, > DATA`).slice(-2)).toEqual(['est|rpl CLOSED', 'inv CLOSED'])
  })

  test.each([
    ['data of no association', '> DATA', ['inv -']],
    ['data before the cookie', '> INIT, > DATA', ['new COOKIE_WAIT', 'inv COOKIE_WAIT']],
    ['a cookie nobody asked for', '< COOKIE_ACK', ['inv -']],
    ['an end without a shutdown', `${OPENED}, > SHUTDOWN_COMPLETE`, ['inv ESTABLISHED']],
  ])('%s is invalid', (_name, script, last) => {
    expect(told(script).slice(-last.length)).toEqual(last)
  })

  test('an INIT sent again is still new', () => {
    expect(told('> INIT, > INIT')).toEqual(['new COOKIE_WAIT', 'new COOKIE_WAIT'])
  })

  test('a further path is opened by a heartbeat', () => {
    expect(told('> HEARTBEAT, < HEARTBEAT_ACK, > DATA')).toEqual([
      'new HEARTBEAT_SENT',
      'est|rpl ESTABLISHED',
      'est ESTABLISHED',
    ])
  })

  test('associations of other ports are other ones', () => {
    const t = tracker()
    t.see(sctp(out, [CHUNK.INIT]), commit)
    expect(t.see(sctp({ ...home, dport: 9 }, [CHUNK.INIT_ACK]))).toBe('inv')
    expect(t.see(sctp(home, [CHUNK.INIT_ACK]))).toBe('est|rpl')
  })

  test('chunks that lie about their length, and a wrong CRC, are invalid', () => {
    const t = tracker()
    const wrong = sctp(out, [CHUNK.INIT])
    wrong[42] = wrong[42]! ^ 1
    expect(t.see(wrong, commit)).toBe('inv')
    t.see(sctp(out, [CHUNK.INIT]), commit)
    const lax = tracker({ verifyChecksums: false })
    lax.see(sctp(out, [CHUNK.INIT]), commit)
    const long = sctp(out, [CHUNK.INIT])
    long[49] = 200
    expect(lax.see(long)).toBe('inv')
    long[49] = 0
    expect(lax.see(long)).toBe('inv')
  })

  test('a first fragment may end within a chunk', () => {
    const t = tracker()
    t.see(sctp(out, [CHUNK.INIT]), commit)
    t.see(sctp(home, [CHUNK.INIT_ACK]))
    const [first, later] = split(sctp(out, [CHUNK.COOKIE_ECHO, 100]), { ...out, id: 3 }, 48)
    expect([t.see(first), t.see(later)]).toEqual(['est', 'est'])
  })
})
