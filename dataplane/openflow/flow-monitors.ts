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
  let missed:
    | Map<Flow, { readonly event: 'added' | 'modified'; readonly isKnown: boolean }>
    | undefined

  const sendUpdates = (updates: readonly FlowUpdate[], xid: number, always: boolean) => {
    const parts: { body: FlowUpdate[]; size: number }[] = [{ body: [], size: 0 }]
    for (const update of updates) {
      const size =
        update.event === 'abbrev' ? 8 : 40 + update.match.length + update.instructions.length
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
  const flagsFor = ({ event, flow }: Pick<FlowEvent, 'event' | 'flow'>): number => {
    let flags = 0
    for (const monitor of monitors.values()) {
      if ((monitor.flags & flagOf[event]) !== 0 && watches(monitor, flow)) flags |= monitor.flags
    }
    return flags
  }

  const pauseIfBehind = () => {
    if (missed || post.unread <= bridge.limits.updateBytes) return
    missed = new Map()
    post.send({ type: 'flow_monitor_paused', xid: 0 }, 0)
  }

  /** While paused: notes what is to be told later; true when it is to be told at once. */
  const missedOut = ({ event, flow, replaced }: FlowEvent): boolean => {
    if (!missed) return false
    const noted = missed.get(flow)
    if (event === 'added') {
      const before = replaced && missed.get(replaced)
      if (replaced) missed.delete(replaced)
      missed.set(flow, { event, isKnown: replaced !== undefined && (before?.isKnown ?? true) })
    } else if (event === 'modified') {
      if (!noted) missed.set(flow, { event, isKnown: true })
    } else {
      missed.delete(flow)
      return noted !== undefined && !noted.isKnown
    }
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
      // Each flow once, however many monitors take it.
      const updates = [...initial].map(([flow, flags]) =>
        update({ event: 'added', flow, reason: 0 }, flags),
      )
      sendUpdates(updates, xid, true)
    },
    cancel(id) {
      if (!monitors.delete(id)) refuse('flow_monitor_failed.unknown_monitor', `${id}`)
      if (monitors.size === 0) missed = undefined
    },
    tell(events, ownXid) {
      if (monitors.size === 0) return
      let updates: FlowUpdate[] = []
      let size = 0
      let abbreviated = false
      for (const event of events) {
        const flags = flagsFor(event)
        if (flags === 0 || missedOut(event)) continue
        if (ownXid === undefined || (flags & monitorFlags.own) !== 0) {
          const told = update(event, flags)
          updates.push(told)
          size += 40 + told.match.length + told.instructions.length
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
      for (const [flow, { event }] of later) {
        const flags = flagsFor({ event, flow })
        if (flags !== 0) updates.push(update({ event, flow, reason: 0 }, flags))
      }
      sendUpdates(updates, 0, false)
      post.send({ type: 'flow_monitor_resumed', xid: 0 }, 0)
    },
  }
}

const EVERY_FLOW = { out_group: ANY_GROUP, cookie: 0n, cookie_mask: 0n }

function watches(monitor: Monitor, flow: Flow): boolean {
  const { table_id, out_port, compiled } = monitor
  if (table_id !== 0xff && table_id !== flow.table_id) return false
  if (out_port !== ANY && !flow.program.ports.includes(out_port)) return false
  return isWithin(flow.compiled, compiled)
}

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
