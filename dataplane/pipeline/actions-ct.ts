/**
 * Connection tracking as actions: ct, ct_clear, and nat, which stands within ct alone.
 * The packet goes on here as one that was never tracked; only its copy in `table` knows the connection.
 * Source: Open vSwitch 3.1 ofproto/ofproto-dpif-xlate.c (compose_conntrack_action), ovs-actions(7).
 * Neighbours: conntrack/conntrack.ts does the work, action-row.ts, actions.ts.
 */
import type { Action, Subfield } from '../../southbound/openflow/action.ts'
import {
  type Ct,
  ctFlags,
  type Nat,
  NO_RECIRC,
  natFlags,
} from '../../southbound/openflow/action-ct.ts'
import { fieldOf } from '../../southbound/openflow/oxm.ts'
import type { Tracking, Writes } from '../conntrack/conntrack.ts'
import { clearFields } from '../conntrack/fields.ts'
import { NAT_DST, NAT_SRC, type NatRequest } from '../conntrack/nat.ts'
import { readNumber } from '../packet/bits.ts'
import { fieldWords, keyField } from '../packet/key-layout.ts'
import { always, checkRange, need, type Place, RANK, type Rows, readable } from './action-row.ts'
import { refuse } from './refusal.ts'
import type { Run, Step } from './run.ts'

const bad = (why: string): never => refuse('bad_action.bad_argument', why)

const MARK = keyField.ct_mark.slot
const LABEL = keyField.ct_label.slot

/** Which bits an action within ct writes, by field. */
function writtenBits(action: Action): readonly ['ct_mark' | 'ct_label', bigint] {
  const at = (dst: Subfield) =>
    [dst.field, ((1n << BigInt(dst.n_bits)) - 1n) << BigInt(dst.ofs)] as const
  const [field, bits] =
    action.kind === 'set_field'
      ? [action.field, BigInt(fieldOf[action.field].ones)]
      : action.kind === 'load2'
        ? [action.field, BigInt(action.mask)]
        : action.kind === 'load' || action.kind === 'move'
          ? at(action.dst)
          : bad(`${action.kind} within ct`)
  return field === 'ct_mark' || field === 'ct_label' ? [field, bits] : bad(`${field} within ct`)
}

/** The actions within ct work on the key; the bits that they write are then read from there. */
function compileWrites(actions: readonly Action[], place: Place): (run: Run) => Writes {
  let mark = 0n
  let label = 0n
  for (const action of actions) {
    const [field, bits] = writtenBits(action)
    if (field === 'ct_mark') mark |= bits
    else label |= bits
  }
  const { steps } = place.list(actions, true)
  const writes = {
    mark: 0,
    markMask: Number(mark),
    label: new Uint32Array(4),
    labelMask: fieldWords('ct_label', label),
  }
  return (run) => {
    for (let i = 0; i < steps.length; i++) steps[i]!(run)
    writes.mark = run.key[MARK]!
    for (let i = 0; i < 4; i++) writes.label[i] = run.key[LABEL + i]!
    return writes
  }
}

/** Larger ranges of IPv6 addresses are used in part. */
const MOST_ADDRESSES = 0xffff_fffe

function compileNat(nat: Nat, place: Place): NatRequest {
  const { flags, ipv4_min, ipv6_min, proto_min = 0 } = nat
  const isSrc = (flags & natFlags.src) !== 0
  const isDst = (flags & natFlags.dst) !== 0
  const hasRange = ipv4_min !== undefined || ipv6_min !== undefined || proto_min !== 0
  if (isSrc && isDst) bad('nat of both src and dst')
  if (!isSrc && !isDst && (hasRange || flags !== 0)) bad('nat with a range and without src or dst')
  if (flags & natFlags.protocol_hash && flags & natFlags.protocol_random) bad('nat hash and random')
  if (ipv4_min !== undefined && ipv6_min !== undefined) bad('nat to IPv4 and IPv6')
  const { proto_max = proto_min } = nat
  if (proto_max < proto_min) bad(`nat ports ${proto_min}-${proto_max}`)
  let address: Uint32Array | undefined
  let more = 0
  if (ipv4_min !== undefined) {
    need(place, 'ipv4_src')
    address = Uint32Array.of(ipv4_min)
    more = (nat.ipv4_max ?? ipv4_min) - ipv4_min
  } else if (ipv6_min !== undefined) {
    need(place, 'ipv6_src')
    address = fieldWords('ipv6_src', ipv6_min)
    const wide = (nat.ipv6_max ?? ipv6_min) - ipv6_min
    more = wide > MOST_ADDRESSES ? MOST_ADDRESSES : Number(wide)
  }
  if (more < 0) bad('nat range that ends before it begins')
  return {
    side: isSrc ? NAT_SRC : isDst ? NAT_DST : 0,
    address,
    more: Math.min(more, MOST_ADDRESSES),
    minPort: proto_min,
    maxPort: proto_max,
    persistent: (flags & natFlags.persistent) !== 0,
    random: (flags & natFlags.protocol_random) !== 0,
  }
}

function compileZone(zone: Ct['zone'], place: Place): (run: Run) => number {
  if (typeof zone === 'number') return () => zone
  checkRange(zone)
  const { ofs, n_bits } = zone
  if (n_bits !== 16) refuse('bad_action.bad_set_len', `a zone of ${n_bits} bits`)
  const field = readable(zone.field, place)
  return (run) => readNumber(run.key, field, ofs, n_bits)
}

function compileCt(action: Ct, place: Place): Step {
  need(place, 'ip_proto')
  const { flags, recirc_table, alg, actions } = action
  const commit = (flags & ctFlags.commit) !== 0
  const force = (flags & ctFlags.force) !== 0
  if (flags & ~(ctFlags.commit | ctFlags.force)) bad(`ct flags ${flags}`)
  if (force && !commit) bad('force without commit')
  // Better no flow than one whose data connections never come.
  if (alg !== 0) bad(`no helper for port ${alg}`)
  const nats = actions.filter((inner) => inner.kind === 'nat')
  const others = actions.filter((inner) => inner.kind !== 'nat')
  if (nats.length > 1) bad('nat more than once')
  const nat = nats[0] && compileNat(nats[0], place)
  if (!commit && (others.length > 0 || (nat && nat.side !== 0))) bad('actions without commit')
  const zoneOf = compileZone(action.zone, place)
  const writesOf = compileWrites(others, place)
  const tracking: Tracking = { commit, force, nat }
  const table = recirc_table === NO_RECIRC ? -1 : recirc_table
  const track: Step = (run) => {
    const zone = zoneOf(run)
    const { conntrack } = run.datapath
    conntrack.execute(run.packet, run.key, zone, tracking, writesOf(run), run.now)
  }
  return (run) => {
    run.datapath.fork(run, track, table)
    clearFields(run.key)
  }
}

export const ctRows = {
  ct: { rank: RANK.ct, frame: always, compile: compileCt },
  ct_clear: {
    rank: RANK.ct,
    frame: always,
    compile: () => (run) => run.datapath.conntrack.clear(run.packet, run.key),
  },
  nat: { rank: RANK.never, compile: () => bad('nat outside of ct') },
} as const satisfies Rows
