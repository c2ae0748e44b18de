/**
 * Actions that push and pop tags, and change TTLs.
 * Neighbours: tags.ts and ttl.ts (packets), action-row.ts, actions.ts.
 */
import type { Match } from '../../southbound/openflow/match.ts'
import { packetInReason } from '../../southbound/openflow/message.ts'
import { DROP } from '../packet/drop.ts'
import { HEADER } from '../packet/headers.ts'
import { type KeyField, keyField } from '../packet/key-layout.ts'
import type { Packet } from '../packet/packet.ts'
import { hasField, prerequisites } from '../packet/prerequisite.ts'
import { storeField } from '../packet/set-field.ts'
import { popMpls, popPbb, popVlan, pushMpls, pushPbb, pushVlan } from '../packet/tags.ts'
import { copyTtlIn, copyTtlOut } from '../packet/ttl.ts'
import {
  always,
  dropPacket,
  isTagged,
  need,
  type Place,
  RANK,
  type Row,
  type Rows,
  readable,
  withoutHeaders,
} from './action-row.ts'
import { writeStep } from './actions-field.ts'
import { refuse } from './refusal.ts'
import { type ControllerTarget, type Run, STOP, type Step } from './run.ts'

type Push = (key: Uint32Array, packet: Packet, ethertype: number) => boolean
interface Tag {
  readonly ethertype: number
}

const hex = (ethertype: number) => `0x${ethertype.toString(16)}`

/** `ethertypes`: those that the new tag may have. */
const push = (
  rank: number,
  ethertypes: readonly number[],
  work: Push,
  after: (match: Match, action: Tag) => Match,
): Row<Tag> => ({
  rank,
  frame: always,
  after,
  compile({ ethertype }) {
    if (!ethertypes.includes(ethertype)) {
      refuse('bad_action.bad_argument', `no such tag has EtherType ${hex(ethertype)}`)
    }
    return (run) => {
      if (!work(run.key, run.packet, ethertype)) dropPacket(run, DROP.action_invalid)
    }
  },
})

/** Pops do nothing on a packet without such a tag, which only a bucket or a set lets happen. */
const unless = (ok: boolean, place: Place, what: string) => {
  if (!ok && place.match && !place.inSet) refuse('bad_action.match_inconsistent', what)
}

function withoutTag(match: Match): Match {
  const { vlan_vid: _vid, vlan_pcp: _pcp, vlan_tci: _tci, ...rest } = match
  return rest
}

// ---- TTL ----------------------------------------------------------------------------------------

/** In a set Open vSwitch checks nothing: what the packet has not is left alone. */
const needTtl = (place: Place, field: 'nw_ttl' | 'mpls_ttl') => {
  if (!place.inSet) need(place, field)
}

/** Controllers that are told of a packet whose TTL is over: those with the id 0. */
const ANYBODY: readonly ControllerTarget[] = [{ controller_id: 0, userdata: undefined }]

/** Open vSwitch goes on without a label no more than with one whose TTL is over. */
function endTable(run: Run): void {
  run.datapath.drop(run, DROP.action_invalid)
  run.stop = STOP.table
}

function expired(run: Run, targets: readonly ControllerTarget[]): void {
  for (let i = 0; i < targets.length; i++) {
    run.datapath.controller(run, packetInReason.invalid_ttl, 0xffff, targets[i])
  }
  run.datapath.drop(run, DROP.ttl_expired)
  run.stop = STOP.table
}

/** `absent`: what to do with a packet that has no such TTL. */
function decrement(
  field: KeyField,
  targets: readonly ControllerTarget[],
  absent: Step = () => {},
): Step {
  const needed = prerequisites(field)
  const { slot } = field
  return (run) => {
    if (!hasField(run.key, needed)) return absent(run)
    const ttl = run.key[slot]!
    if (ttl <= 1) return expired(run, targets)
    run.key[slot] = ttl - 1
    storeField(run.key, run.packet, field)
  }
}

const packetStep =
  (work: (key: Uint32Array, packet: Packet) => unknown): Step =>
  (run) =>
    void work(run.key, run.packet)

export const tagRows = {
  push_vlan: push(RANK.pushVlan, [0x8100, 0x88a8], pushVlan, (match) => ({
    ...withoutTag(match),
    vlan_vid: 0x1000,
  })),
  pop_vlan: {
    rank: RANK.pop,
    frame: always,
    compile(_action, place) {
      unless(!place.match || isTagged(place.match), place, 'pop_vlan of a frame without a tag')
      return packetStep(popVlan)
    },
    after: withoutTag,
  },
  push_mpls: push(RANK.pushMpls, [0x8847, 0x8848], pushMpls, (match, { ethertype }) => ({
    ...withoutHeaders(match),
    eth_type: ethertype,
  })),
  pop_mpls: {
    rank: RANK.pop,
    frame: always,
    compile({ ethertype }, place) {
      if (!place.inSet) need(place, 'mpls_label')
      return (run) => {
        if (run.packet.at[HEADER.mpls]! >= 0) popMpls(run.key, run.packet, ethertype)
      }
    },
    after: (match, { ethertype }) => ({ ...withoutHeaders(match), eth_type: ethertype }),
  },
  push_pbb: push(RANK.pushPbb, [0x88e7], pushPbb, (match, { ethertype }) => ({
    ...withoutHeaders(match),
    eth_type: ethertype,
  })),
  pop_pbb: {
    rank: RANK.pop,
    frame: always,
    compile(_action, place) {
      if (!place.inSet) need(place, 'pbb_isid')
      return packetStep(popPbb)
    },
    after: withoutHeaders,
  },
  copy_ttl_out: { rank: RANK.copyOut, frame: always, compile: () => packetStep(copyTtlOut) },
  copy_ttl_in: { rank: RANK.copyIn, frame: always, compile: () => packetStep(copyTtlIn) },
  set_mpls_ttl: {
    rank: RANK.set,
    frame: always,
    compile: ({ mpls_ttl }, place) => writeStep(readable('mpls_ttl', place), mpls_ttl, 0xff),
  },
  dec_mpls_ttl: {
    rank: RANK.ttl,
    frame: always,
    compile(_action, place) {
      needTtl(place, 'mpls_ttl')
      return decrement(keyField.mpls_ttl, ANYBODY, endTable)
    },
  },
  set_nw_ttl: {
    rank: RANK.set,
    frame: always,
    compile: ({ nw_ttl }, place) => writeStep(readable('nw_ttl', place), nw_ttl, 0xff),
  },
  dec_nw_ttl: {
    rank: RANK.ttl,
    frame: always,
    compile(_action, place) {
      needTtl(place, 'nw_ttl')
      return decrement(keyField.nw_ttl, ANYBODY)
    },
  },
  dec_ttl_cnt_ids: {
    rank: RANK.ttl,
    frame: always,
    identity: () => 'dec_nw_ttl',
    compile({ ids }, place) {
      needTtl(place, 'nw_ttl')
      const targets = ids.map((id) => ({ controller_id: id, userdata: undefined }))
      return decrement(keyField.nw_ttl, targets)
    },
  },
} as const satisfies Rows
