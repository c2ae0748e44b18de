/**
 * Open vSwitch's actions that choose by a hash of the packet: multipath a number, bundle a port. Which
 * of several is chosen is nobody's promise, but the same for all packets with the same fields.
 * Source: ovs-actions(7). Neighbours: flow-hash.ts (select groups), action-row.ts, actions.ts.
 */
import type { FieldName } from '../../southbound/openflow/oxm.ts'
import { CONTROLLER, MAX_PORT } from '../../southbound/openflow/port.ts'
import { writeBits } from '../packet/bits.ts'
import { DROP } from '../packet/drop.ts'
import { isInFrame, keyField } from '../packet/key-layout.ts'
import { hasField, prerequisites } from '../packet/prerequisite.ts'
import { storeField, wholePort } from '../packet/set-field.ts'
import {
  checkRange,
  type Of,
  type Place,
  RANK,
  type Row,
  type Rows,
  writable,
} from './action-row.ts'
import { checkedPort } from './actions-output.ts'
import { refuse } from './refusal.ts'
import { type Run, STACK_WORDS } from './run.ts'

/** A word of the key, or what two of them have in common. */
type Term = readonly [slot: number, other: number]
const NONE = -1

const alone = (name: FieldName): Term[] =>
  Array.from({ length: keyField[name].words }, (_, i): Term => [keyField[name].slot + i, NONE])
const pair = (a: FieldName, b: FieldName): Term[] =>
  alone(a).map(([slot], i): Term => [slot, keyField[b].slot + i])

const L3 = [
  ...[alone('eth_type'), alone('ip_proto')],
  ...[pair('ipv4_src', 'ipv4_dst'), pair('ipv6_src', 'ipv6_dst')],
].flat()
const L3L4 = [...L3, ...pair('tcp_src', 'tcp_dst'), ...pair('sctp_src', 'sctp_dst')]
/** By NX_HASH_FIELDS_*; symmetric ones are the same in both directions of a connection. */
const HASHED: readonly (readonly Term[])[] = [
  alone('eth_src'),
  [...pair('eth_src', 'eth_dst'), ...L3L4],
  L3L4,
  [...L3L4, ...pair('udp_src', 'udp_dst')],
  [...alone('ipv4_src'), ...alone('ipv6_src')],
  [...alone('ipv4_dst'), ...alone('ipv6_dst')],
  L3,
]

const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

function hashOf(key: Uint32Array, terms: readonly Term[], basis: number): number {
  let hash = mix(basis, terms.length)
  for (let i = 0; i < terms.length; i++) {
    const [slot, other] = terms[i]!
    hash = mix(hash, other < 0 ? key[slot]! : key[slot]! ^ key[other]!)
  }
  return hash
}

/** Of multipath, by number. Each gives a link from 0 to n - 1. */
const ALGORITHMS: readonly ((hash: number, n: number, arg: number) => number)[] = [
  (hash, n) => hash % n,
  (hash, n) => Math.floor(hash / (Math.floor(0xffff_ffff / n) + 1)),
  (hash, n) => (n <= MOST_WEIGHED ? heaviest(hash, n) : again(hash, n, 0)),
  (hash, n, arg) => again(hash, n, arg),
]
const MOST_WEIGHED = 64

/** Highest random weight: few packets change their link when one comes or goes. */
function heaviest(hash: number, n: number): number {
  let best = 0
  for (let link = 1; link < n; link++) if (mix(hash, link) > mix(hash, best)) best = link
  return best
}

/** A hash after another until one is a link. */
function again(hash: number, n: number, arg: number): number {
  const modulo = arg < n || arg > 2 * n ? 2 ** Math.ceil(Math.log2(n)) : arg
  for (let i = 0, next = hash; i < MOST_HASHES; i++) {
    next = mix(next, i)
    if (next % modulo < n) return next % modulo
  }
  return hash % n
}
const MOST_HASHES = 64

const words = new Uint32Array(STACK_WORDS)

/** Writes a number into bits of a field that the packet has. */
function loader(dst: Of<'multipath'>['dst'], place: Place): (run: Run, value: number) => void {
  checkRange(dst)
  const field = writable(dst.field, place)
  const needed = prerequisites(field)
  return ({ key, packet }, value) => {
    if (!hasField(key, needed)) return
    words[STACK_WORDS - 1] = value
    writeBits(key, field, dst.ofs, Math.min(dst.n_bits, BITS), words)
    storeField(key, packet, field)
  }
}
const BITS = STACK_WORDS * 32

const termsOf = (fields: number): readonly Term[] =>
  HASHED[fields] ?? refuse('bad_action.bad_argument', `a hash of fields ${fields}`)

const NO_MEMBER = 0xffff
const MAX_MEMBERS = 2048
const HIGHEST_WEIGHT = 1

type Choice = Pick<Of<'bundle'>, 'algorithm' | 'fields' | 'basis' | 'members'>

/** A live member, as a number of OpenFlow 1.0; NO_MEMBER when there is none. */
function chooser({ algorithm, fields, basis, members }: Choice): (run: Run) => number {
  const terms = termsOf(fields)
  if (algorithm > HIGHEST_WEIGHT) refuse('bad_action.bad_argument', `algorithm ${algorithm}`)
  if (members.length > MAX_MEMBERS) refuse('bad_action.bad_argument', `${members.length} members`)
  for (const member of members) {
    if (member === NO_MEMBER) continue
    if (checkedPort(wholePort(member)) === CONTROLLER) {
      refuse('bad_action.bad_out_port', 'the controller as a member')
    }
  }
  const ports = members.map(wholePort)
  const isLive = (run: Run, i: number) => {
    const port = ports[i]!
    // Reserved ports are always, and so is "none" where it is a member.
    return port > MAX_PORT || run.datapath.isUp(port)
  }
  return (run) => {
    const hash = algorithm === HIGHEST_WEIGHT ? hashOf(run.key, terms, basis) : 0
    let best = -1
    for (let i = 0; i < ports.length; i++) {
      if (!isLive(run, i)) continue
      if (algorithm !== HIGHEST_WEIGHT) return members[i]!
      if (best < 0 || mix(hash, i) > mix(hash, best)) best = i
    }
    return members[best] ?? NO_MEMBER
  }
}

const multipath: Row<Of<'multipath'>> = {
  rank: RANK.never,
  frame: ({ dst }) => isInFrame(dst.field),
  compile({ fields, basis, algorithm, max_link, arg, dst }, place) {
    const terms = termsOf(fields)
    const choose = ALGORITHMS[algorithm]
    const links = max_link + 1
    if (!choose) return refuse('bad_action.bad_argument', `algorithm ${algorithm}`)
    if (dst.n_bits < 16 && links > 2 ** dst.n_bits) {
      refuse('bad_action.bad_argument', `${links} links in ${dst.n_bits} bits`)
    }
    const load = loader(dst, place)
    return (run) => load(run, choose(hashOf(run.key, terms, basis), links, arg))
  },
}

export const hashRows = {
  multipath,
  bundle: {
    rank: RANK.never,
    compile(action) {
      const choose = chooser(action)
      return (run) => {
        const member = choose(run)
        if (member === NO_MEMBER) run.datapath.drop(run, DROP.port_down)
        else run.datapath.output(run, wholePort(member), 0xffff)
      }
    },
  },
  bundle_load: {
    rank: RANK.never,
    frame: ({ dst }) => isInFrame(dst.field),
    compile(action, place) {
      const choose = chooser(action)
      if (action.dst.n_bits < 16) {
        refuse('bad_action.bad_argument', `a port in ${action.dst.n_bits} bits`)
      }
      const load = loader(action.dst, place)
      return (run) => load(run, choose(run))
    },
  },
} as const satisfies Rows
