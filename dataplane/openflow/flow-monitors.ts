/**
 * The flow monitors of one session: every change of a flow is told as it happens, before the reply
 * to the barrier behind it. Changes that the session itself asked for are told in short (`abbrev`)
 * unless it wants its own (ONF EXT-187, as Open vSwitch speaks it on OpenFlow 1.3).
 * Neighbours: southbound/openflow/flow-update.ts (bytes), openflow-agent.ts.
 */

import {
  type FlowMonitorRequest,
  type FlowUpdate,
  monitorFlags,
} from '../../southbound/openflow/flow-update.ts'
import { ANY_GROUP } from '../../southbound/openflow/group.ts'
import { ANY } from '../../southbound/openflow/port.ts'
import { type CompiledMatch, compileMatch, isWithin } from '../classifier/matcher.ts'
import { checkedMatch, type Flow } from '../pipeline/flow-table.ts'
import type { FlowEvent } from '../pipeline/journal.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { Send } from './statistics.ts'

interface Monitor extends FlowMonitorRequest {
  readonly compiled: CompiledMatch
}

export interface FlowMonitors {
  /** Throws a Refusal. */
  add(requests: readonly FlowMonitorRequest[], xid: number): void
  cancel(id: number): void
  /** `ownXid`: the message by which this session asked for the changes. */
  tell(events: readonly FlowEvent[], ownXid: number | undefined): void
}

/** Bytes of updates in one message. */
const BUDGET = 60_000
const NOTHING = new Uint8Array(0)
const flagOf = {
  added: monitorFlags.add,
  deleted: monitorFlags.delete,
  modified: monitorFlags.modify,
} as const

export function flowMonitors(bridge: Bridge, send: Send): FlowMonitors {
  const monitors = new Map<number, Monitor>()

  const sendUpdates = (updates: readonly FlowUpdate[], xid: number, always: boolean) => {
    const parts: FlowUpdate[][] = [[]]
    let room = BUDGET
    for (const update of updates) {
      const size =
        update.event === 'abbrev' ? 8 : 40 + update.match.length + update.instructions.length
      if (size > room && parts.at(-1)!.length > 0) {
        parts.push([])
        room = BUDGET
      }
      parts.at(-1)!.push(update)
      room -= size
    }
    if (updates.length === 0 && !always) return
    parts.forEach((body, i) => {
      // Updates of changes are messages of their own; only the answer to the request is one reply.
      const more = always && i < parts.length - 1
      send({ type: 'multipart_reply', xid, kind: 'flow_monitor', body, more })
    })
  }

  return {
    add(requests, xid) {
      const initial: FlowUpdate[] = []
      for (const request of requests) {
        if (monitors.has(request.id)) refuse('bad_request.eperm', `monitor ${request.id} exists`)
        const match = request.match.slice()
        const monitor = { ...request, match, compiled: compileMatch(checkedMatch(match)) }
        monitors.set(request.id, monitor)
        if ((request.flags & monitorFlags.initial) === 0) continue
        const { table_id, out_port } = request
        const filter = {
          table_id,
          out_port,
          out_group: ANY_GROUP,
          cookie: 0n,
          cookie_mask: 0n,
          match,
        }
        for (const flow of bridge.flows.select(filter)) {
          initial.push(update({ event: 'added', flow, reason: 0 }, request.flags))
        }
      }
      sendUpdates(initial, xid, true)
    },
    cancel(id) {
      if (!monitors.delete(id)) refuse('bad_request.eperm', `no monitor ${id}`)
    },
    tell(events, ownXid) {
      if (monitors.size === 0) return
      const updates: FlowUpdate[] = []
      let abbreviated = false
      for (const event of events) {
        let flags = 0
        for (const monitor of monitors.values()) {
          if ((monitor.flags & flagOf[event.event]) === 0) continue
          if (watches(monitor, event.flow)) flags |= monitor.flags
        }
        if (flags === 0) continue
        if (ownXid === undefined || (flags & monitorFlags.own) !== 0) {
          updates.push(update(event, flags))
        } else if (!abbreviated) {
          abbreviated = true
          updates.push({ event: 'abbrev', xid: ownXid })
        }
      }
      sendUpdates(updates, 0, false)
    },
  }
}

function watches(monitor: Monitor, flow: Flow): boolean {
  const { table_id, out_port, compiled } = monitor
  if (table_id !== 0xff && table_id !== flow.table_id) return false
  if (out_port !== ANY && !flow.program.ports.includes(out_port)) return false
  return isWithin(flow.compiled, compiled)
}

function update({ event, flow, reason }: FlowEvent, flags: number): FlowUpdate {
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
