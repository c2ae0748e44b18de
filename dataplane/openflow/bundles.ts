/**
 * The bundles of one session (ONF EXT-230): flow-mods and group-mods are kept until the commit,
 * then done in order as one change of the bridge, or not at all. A message that cannot be kept is
 * refused under its own xid; so is the one that fails in the commit, followed by `msg_failed`.
 * Neighbours: openflow-agent.ts, bridge.ts (change).
 */
import { bundleControl } from '../../southbound/openflow/bundle.ts'
import { decode, type Message, type MessageOf } from '../../southbound/openflow/message.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { Refusal, refuse } from '../pipeline/refusal.ts'
import type { Bridge, Cause } from '../switch/bridge.ts'
import type { Send } from './statistics.ts'

type Kept = MessageOf<'flow_mod'> | MessageOf<'group_mod'>

interface Bundle {
  readonly flags: number
  readonly messages: Kept[]
  closed: boolean
}

export interface Bundles {
  control(message: MessageOf<'bundle_control'>): void
  add(message: MessageOf<'bundle_add'>): void
}

export interface BundlesHost {
  readonly send: Send
  /** Answers a message with an error, under its xid. */
  sendError(message: Message, error: Refusal): void
  cause(xid: number): Cause
}

/** Bundles of one session, and messages of one bundle, at most. */
const MAX_BUNDLES = 64
const MAX_MESSAGES = 1_000_000
const NOTHING = new Uint8Array(0)

export function bundles(bridge: Bridge, host: BundlesHost): Bundles {
  const open = new Map<number, Bundle>()

  const commit = ({ messages }: Bundle) => {
    let current = messages[0]
    if (!current) return
    const now = bridge.clock.now()
    try {
      bridge.change(host.cause(current.xid), (journal) => {
        for (const message of messages) {
          current = message
          if (message.type === 'flow_mod') bridge.flows.apply(message, now, journal)
          else bridge.applyGroupMod(message, journal)
        }
      })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      host.sendError(current, error)
      refuse('bundle_failed.msg_failed', error.message)
    }
  }

  return {
    control({ xid, bundle_id, control_type, flags }) {
      const bundle = open.get(bundle_id)
      const need = () => bundle ?? refuse('bundle_failed.bad_id', `${bundle_id}`)
      switch (control_type) {
        case bundleControl.open_request:
          if (bundle) {
            open.delete(bundle_id)
            refuse('bundle_failed.bundle_exist', `${bundle_id}`)
          }
          if (open.size >= MAX_BUNDLES) refuse('bundle_failed.out_of_bundles')
          open.set(bundle_id, { flags, messages: [], closed: false })
          break
        case bundleControl.close_request:
          if (need().closed) {
            open.delete(bundle_id)
            refuse('bundle_failed.bundle_closed', `${bundle_id}`)
          }
          checkFlags(need(), flags)
          need().closed = true
          break
        case bundleControl.commit_request:
          need()
          open.delete(bundle_id)
          checkFlags(need(), flags)
          commit(need())
          break
        case bundleControl.discard_request:
          need()
          open.delete(bundle_id)
          break
        default:
          refuse('bundle_failed.bad_type', `${control_type}`)
      }
      const properties = NOTHING
      const reply = { bundle_id, control_type: control_type + 1, flags, properties }
      host.send({ type: 'bundle_control', xid, ...reply })
    },
    add({ xid, bundle_id, flags, message: bytes }) {
      let bundle = open.get(bundle_id)
      if (!bundle) {
        // A message for a bundle that nobody opened opens it (EXT-230, bundle add message).
        if (open.size >= MAX_BUNDLES) refuse('bundle_failed.out_of_bundles')
        bundle = { flags, messages: [], closed: false }
        open.set(bundle_id, bundle)
      }
      if (bundle.closed) refuse('bundle_failed.bundle_closed', `${bundle_id}`)
      checkFlags(bundle, flags)
      if (bundle.messages.length >= MAX_MESSAGES) refuse('bundle_failed.msg_too_many')
      // The bytes belong to the connection's buffer.
      const message = decodeInner(bytes.slice())
      if (message.xid !== xid) refuse('bundle_failed.msg_bad_xid', `${message.xid} in ${xid}`)
      if (message.type !== 'flow_mod' && message.type !== 'group_mod') {
        return refuse('bundle_failed.msg_unsup', message.type)
      }
      bundle.messages.push(message)
    },
  }
}

function checkFlags(bundle: Bundle, flags: number): void {
  if (bundle.flags !== flags) refuse('bundle_failed.bad_flags', `${flags}, not ${bundle.flags}`)
}

function decodeInner(bytes: Uint8Array): Message {
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof WireError) return refuse('bundle_failed.msg_bad_len', error.message)
    throw error
  }
}
