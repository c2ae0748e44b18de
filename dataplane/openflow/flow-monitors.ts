/**
 * The flow monitors of one session: every change of a flow is told as it happens, before the reply
 * to the barrier behind it. Changes that the session itself asked for are told in short (`abbrev`)
 * unless it wants its own (ONF EXT-187, as Open vSwitch speaks it on OpenFlow 1.3). To a controller
 * that does not read, no more is told than what it would not hear of later: that a flow it knows is
 * gone. When it has read everything, it is told of the rest as the flows then are.
 * Neighbours: southbound/openflow/flow-update.ts (bytes), agent.ts.
 */
import {
  type FlowChange,
  type FlowMonitorRequest,
  type FlowUpdate,
  monitorFlags,
} from '../../southbound/openflow/flow-update.ts'
import { ANY_GROUP } from '../../southbound/openflow/group.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { type CompiledMatch, compileMatch, isWithin } from '../classifier/matcher.ts'
import { checkedMatch } from '../pipeline/checked.ts'
import type { Flow } from '../pipeline/flow-table.ts'
import type { FlowEvent } from '../pipeline/journal.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { Post } from './post.ts'

interface Monitor extends FlowMonitorRequest {
  readonly compiled: CompiledMatch
}

/** What a controller that does not read is to hear of a flow later. */
interface Missed {
  readonly event: 'added' | 'modified'
  /** It has heard of the flow, or of the one in whose place it is. */
  isKnown: boolean
  /** What that did when it heard of it. */
  readonly before: Flow['program'] | undefined
}

export interface FlowMonitors {
  /** Throws a Refusal, and then none of the requests holds. */
  add(requests: readonly FlowMonitorRequest[], xid: number): void
  cancel(id: number): void
  /** `ownXid`: the message by which this session asked for the changes. */
  tell(events: readonly FlowEvent[], ownXid: number | undefined): void
  /** The controller has read everything. */
  caughtUp(): void
}

/** Bytes of updates in one message. */
const BUDGET = 60_000
const KNOWN_FLAGS = Object.values(monitorFlags).reduce<number>((bits, flag) => bits | flag, 0)
const NOTHING = new Uint8Array(0)
const flagOf = {
  added: monitorFlags.add,
  deleted: monitorFlags.delete,
  modified: monitorFlags.modify,
} as const

export function flowMonitors(bridge: Bridge, post: Post): FlowMonitors {
  const monitors = new Map<number, Monitor>()
  /** Present while the controller leaves too much unread: flows it has not been told of. */
  let missed: Map<Flow, Missed> | undefined

  const sendUpdates = (updates: readonly FlowUpdate[], xid: number, always: boolean) => {
    const parts: { body: FlowUpdate[]; size: number }[] = [{ body: [], size: 0 }]
    for (const update of updates) {
      const size = sizeOf(update)
      if (parts.at(-1)!.size + size > BUDGET && parts.at(-1)!.body.length > 0) {
        parts.push({ body: [], size: 0 })
      }
      const part = parts.at(-1)!
      part.body.push(update)
      part.size += size
    }
    if (updates.length === 0 && !always) return
    parts.forEach(({ body, size }, i) => {
      // Updates of changes are messages of their own; only the answer to the request is one reply.
      const more = always && i < parts.length - 1
      post.send({ type: 'multipart_reply', xid, kind: 'flow_monitor', body, more }, size)
    })
  }

  /** The flags of the monitors that are to hear of it; 0 = none. */
  const flagsFor = (event: FlowEvent['event'], flow: Flow, before: Missed['before']): number => {
    let flags = 0
    for (const monitor of monitors.values()) {
      if ((monitor.flags & flagOf[event]) === 0) continue
      if (watches(monitor, flow, before)) flags |= monitor.flags
    }
    return flags
  }

  const pauseIfBehind = () => {
    if (missed || post.unread <= bridge.limits.updateBytes) return
    missed = new Map()
    post.send({ type: 'flow_monitor_paused', xid: 0 }, 0)
  }

  /** While paused: notes what is to be told later; true when it is not to be told now. */
  const missedOut = (
    { event, flow, replaced, before = replaced?.program }: FlowEvent,
    isWatched: boolean,
  ): boolean => {
    if (!missed) return false
    const noted = missed.get(replaced ?? flow)
    if (event === 'deleted') {
      missed.delete(flow)
      return noted !== undefined && !noted.isKnown
    }
    if (event === 'modified' && noted) return true
    if (replaced) missed.delete(replaced)
    const isKnown = event === 'modified' || replaced !== undefined
    if (noted) missed.set(flow, { ...noted, event })
    else if (isWatched) missed.set(flow, { event, isKnown, before })
    return true
  }

  return {
    add(requests, xid) {
      const added = requests.map((request): Monitor => {
        const { id, table_id, out_port, flags } = request
        if (monitors.has(id)) refuse('flow_monitor_failed.monitor_exists', `${id}`)
        if ((flags & ~KNOWN_FLAGS) !== 0) refuse('flow_monitor_failed.bad_flags', `${flags}`)
        const match = request.match.slice()
        return { id, table_id, out_port, flags, match, compiled: compileMatch(checkedMatch(match)) }
      })
      const ids = new Set(added.map(({ id }) => id))
      if (ids.size !== added.length) refuse('flow_monitor_failed.monitor_exists')
      if (monitors.size + ids.size > bridge.limits.monitors) refuse('bad_request.eperm', 'too many')
      const initial = new Map<Flow, number>()
      for (const monitor of added) {
        monitors.set(monitor.id, monitor)
        if ((monitor.flags & monitorFlags.initial) === 0) continue
        const { table_id, out_port, match } = monitor
        const filter = { table_id, out_port, match, ...EVERY_FLOW }
        for (const flow of bridge.flows.select(filter)) {
          initial.set(flow, (initial.get(flow) ?? 0) | monitor.flags)
        }
      }
      for (const flow of initial.keys()) {
        const noted = missed?.get(flow)
        if (noted) noted.isKnown = true
      }
      // Each flow once, however many monitors take it.
      const updates = [...initial].map(([flow, flags]) =>
        update({ event: 'added', flow, reason: 0 }, flags),
      )
      sendUpdates(updates, xid, true)
    },
    cancel(id) {
      if (!monitors.delete(id)) refuse('flow_monitor_failed.unknown_monitor', `${id}`)
      // Who was told of a pause is told of its end, all the same.
      if (monitors.size === 0) missed?.clear()
    },
    tell(events, ownXid) {
      if (monitors.size === 0) return
      let updates: FlowUpdate[] = []
      let size = 0
      let abbreviated = false
      for (const event of events) {
        const { replaced, before = replaced?.program ?? missed?.get(event.flow)?.before } = event
        const flags = flagsFor(event.event, event.flow, before)
        if (missedOut(event, flags !== 0) || flags === 0) continue
        if (ownXid === undefined || (flags & monitorFlags.own) !== 0) {
          const told = update(event, flags)
          updates.push(told)
          size += sizeOf(told)
          if (size < BUDGET) continue
          sendUpdates(updates, 0, false)
          updates = []
          size = 0
          pauseIfBehind()
        } else if (!abbreviated) {
          abbreviated = true
          updates.push({ event: 'abbrev', xid: ownXid })
        }
      }
      sendUpdates(updates, 0, false)
      pauseIfBehind()
    },
    caughtUp() {
      if (!missed) return
      const later = missed
      missed = undefined
      const updates: FlowUpdate[] = []
      for (const [flow, { event, before }] of later) {
        const flags = flagsFor(event, flow, before)
        if (flags !== 0) updates.push(update({ event, flow, reason: 0 }, flags))
      }
      sendUpdates(updates, 0, false)
      post.send({ type: 'flow_monitor_resumed', xid: 0 }, 0)
    },
  }
}

const EVERY_FLOW = { out_group: ANY_GROUP, cookie: 0n, cookie_mask: 0n }

/** `before`: what the flow did, if it was another thing: one that leaves a port is told of too. */
function watches(monitor: Monitor, flow: Flow, before: Missed['before']): boolean {
  const { table_id, out_port, compiled } = monitor
  if (table_id !== 0xff && table_id !== flow.table_id) return false
  const goes = flow.program.ports.includes(out_port) || before?.ports.includes(out_port)
  if (out_port !== ANY && !goes) return false
  return isWithin(flow.compiled, compiled)
}

/** Bytes at least. */
const sizeOf = (update: FlowUpdate): number =>
  update.event === 'abbrev' ? 8 : 40 + update.match.length + update.instructions.length

function update({ event, flow, reason }: FlowEvent, flags: number): FlowChange {
  return {
    event,
    reason,
    table_id: flow.table_id,
    priority: flow.priority,
    idle_timeout: flow.idle_timeout,
    hard_timeout: flow.hard_timeout,
    cookie: flow.cookie,
    match: flow.match,
    instructions: (flags & monitorFlags.actions) !== 0 ? flow.instructions : NOTHING,
  }
}
