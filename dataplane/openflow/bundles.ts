/**
 * The bundles of one session (ONF EXT-230): flow-mods, group-mods and port-mods are kept until the
 * commit, then done in order as one change of the bridge, or not at all, whatever the flags ask for.
 * A message that cannot be kept is refused under its own xid; so is the one that fails in the commit,
 * followed by `msg_failed`. A bundle that nobody touches for 10 s is forgotten and its controller told,
 * as in Open vSwitch. Neighbours: agent.ts, bridge.ts (change).
 */
import { bundleControl, bundleFlags } from '../../southbound/openflow/bundle.ts'
import { decode, type Message, type MessageOf } from '../../southbound/openflow/message.ts'
import { WireError } from '../../southbound/wire/error.ts'
import type { Journal } from '../pipeline/journal.ts'
import { Refusal, refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { Cause } from '../switch/session.ts'
import { refusalOf } from './malformed.ts'
import type { Send } from './post.ts'

type Doers = {
  readonly [K in 'flow_mod' | 'group_mod' | 'port_mod']: (
    bridge: Bridge,
    message: MessageOf<K>,
    journal: Journal,
  ) => void
}
/** What a bundle takes. Meters are not among it, as in Open vSwitch. */
const doers: Doers = {
  flow_mod: (bridge, message, journal) => bridge.applyFlowMod(message, journal),
  group_mod: (bridge, message, journal) => bridge.applyGroupMod(message, journal),
  port_mod: (bridge, message, journal) => bridge.applyPortMod(message, journal),
}
type Kept = MessageOf<keyof Doers>

interface Bundle {
  readonly flags: number
  /** Of bytes that live no longer than their reader's buffer. */
  readonly copy: (bytes: Uint8Array) => Uint8Array
  readonly messages: Kept[]
  /** What it is charged with. */
  bytes: number
  closed: boolean
  usedAt: number
  cancelExpiry: () => void
}

export interface Bundles {
  control(message: MessageOf<'bundle_control'>): void
  add(message: MessageOf<'bundle_add'>): void
  /** Forgets all of them: the session is over. */
  close(): void
}

export interface BundlesHost {
  readonly send: Send
  /** Answers a message with an error, under its xid. */
  sendError(message: Message, error: Refusal): void
  cause(xid: number): Cause
}

const KNOWN_FLAGS = bundleFlags.atomic | bundleFlags.ordered
const NOTHING = new Uint8Array(0)
const FLOW_MOD = 14
const SLAB = 65_536
/** What a message takes in memory beside its bytes. */
const MESSAGE_COST = 512
const IDLE_MS = 10_000

export function bundles(bridge: Bridge, host: BundlesHost): Bundles {
  const open = new Map<number, Bundle>()
  const begin = (id: number, flags: number): Bundle => {
    if ((flags & ~KNOWN_FLAGS) !== 0) refuse('bundle_failed.bad_flags', `${flags}`)
    if (open.size >= bridge.limits.bundles) refuse('bundle_failed.out_of_bundles')
    const usedAt = bridge.clock.now()
    const bundle: Bundle = {
      ...{ flags, messages: [], bytes: 0, closed: false, usedAt },
      copy: slabs(),
      cancelExpiry: () => {},
    }
    open.set(id, bundle)
    expireLater(id, bundle)
    return bundle
  }
  const end = (id: number) => {
    const bundle = open.get(id)
    if (!bundle) return
    bundle.cancelExpiry()
    bridge.bundleBytes -= bundle.bytes
    open.delete(id)
  }
  const expireLater = (bundle_id: number, bundle: Bundle) => {
    const left = bundle.usedAt + IDLE_MS - bridge.clock.now()
    bundle.cancelExpiry = bridge.clock.after(left, () => {
      if (bridge.clock.now() < bundle.usedAt + IDLE_MS) return expireLater(bundle_id, bundle)
      end(bundle_id)
      const opening = { control_type: bundleControl.open_request, flags: bundle.flags }
      host.sendError(
        { type: 'bundle_control', xid: 0, bundle_id, ...opening, properties: NOTHING },
        new Refusal('bundle_failed.timeout'),
      )
    })
  }

  const commit = ({ messages }: Bundle) => {
    let current = messages[0]
    if (!current) return
    try {
      bridge.change(host.cause(current.xid), (journal) => {
        for (const message of messages) {
          current = message
          doers[message.type](bridge, message as never, journal)
        }
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      host.sendError(current, error)
      refuse('bundle_failed.msg_failed', error.message)
    }
  }

  const decodeInner = (inner: Uint8Array): Message => {
    try {
      return decode(inner)
    } catch (error) {
      if (error instanceof WireError) throw refusalOf(inner, error)
      throw error
    }
  }

  return {
    control({ xid, bundle_id, control_type, flags }) {
      const bundle = open.get(bundle_id)
      const need = () => bundle ?? refuse('bundle_failed.bad_id', `${bundle_id}`)
      switch (control_type) {
        case bundleControl.open_request:
          if (bundle) {
            end(bundle_id)
            refuse('bundle_failed.bundle_exist', `${bundle_id}`)
          }
          begin(bundle_id, flags)
          break
        case bundleControl.close_request:
          if (need().closed) {
            end(bundle_id)
            refuse('bundle_failed.bundle_closed', `${bundle_id}`)
          }
          checkFlags(need(), flags)
          need().closed = true
          need().usedAt = bridge.clock.now()
          break
        case bundleControl.commit_request:
          need()
          end(bundle_id)
          checkFlags(need(), flags)
          commit(need())
          break
        case bundleControl.discard_request:
          need()
          end(bundle_id)
          break
        default:
          refuse('bundle_failed.bad_type', `${control_type}`)
      }
      const properties = NOTHING
      const reply = { bundle_id, control_type: control_type + 1, flags, properties }
      host.send({ type: 'bundle_control', xid, ...reply })
    },
    add({ xid, bundle_id, flags, message: inner }) {
      // A message for a bundle that nobody opened opens it (EXT-230, bundle add message).
      const bundle = open.get(bundle_id) ?? begin(bundle_id, flags)
      if (bundle.closed) refuse('bundle_failed.bundle_closed', `${bundle_id}`)
      checkFlags(bundle, flags)
      const { bundleMessages, bundleBytes } = bridge.limits
      const cost = inner.length + MESSAGE_COST
      const full =
        bundle.messages.length >= bundleMessages || bridge.bundleBytes + cost > bundleBytes
      if (full) refuse('bundle_failed.msg_too_many', `${bundle.messages.length}`)
      // The bytes belong to the connection's buffer.
      const message = decodeInner(bundle.copy(inner))
      if (message.xid !== xid) refuse('bundle_failed.msg_bad_xid', `${message.xid} in ${xid}`)
      if (!(message.type in doers)) refuse('bundle_failed.msg_unsup', message.type)
      bundle.messages.push(message as Kept)
      bundle.usedAt = bridge.clock.now()
      bundle.bytes += cost
      bridge.bundleBytes += cost
    },
    close() {
      for (const id of [...open.keys()]) end(id)
    },
  }
}

function checkFlags(bundle: Bundle, flags: number): void {
  if (bundle.flags !== flags) refuse('bundle_failed.bad_flags', `${flags}, not ${bundle.flags}`)
}

/**
 * Copies of flow-mods side by side in larger pieces, since a small buffer costs more than its bytes; whoever keeps a flow copies
 * what it keeps. Of other messages parts may be kept as they are: each is a copy by itself.
 */
function slabs(): Bundle['copy'] {
  let slab = NOTHING
  let used = 0
  return (bytes) => {
    if (bytes[1] !== FLOW_MOD || bytes.length > SLAB / 8) return bytes.slice()
    if (used + bytes.length > slab.length) {
      slab = new Uint8Array(slab.length === 0 ? SLAB / 8 : SLAB)
      used = 0
    }
    const copy = slab.subarray(used, used + bytes.length)
    copy.set(bytes)
    used += bytes.length
    return copy
  }
}
