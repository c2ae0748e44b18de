/**
 * One bridge as a list of flows, groups and meters, and what becomes of a frame in it: which flow of each table matched, what
 * left by which port, why the rest did not. The tables, actions and groups are those that forward (`../pipeline`); what is left
 * out is time: meters let everything pass, nothing is learned or expires.
 */
import type { FlowBytes } from '../../southbound/openflow/flow.ts'
import { ANY_GROUP, type GroupBytes, groupCommand } from '../../southbound/openflow/group.ts'
import { flowCommand, OFP_NO_BUFFER } from '../../southbound/openflow/message.ts'
import { ANY, CONTROLLER, IN_PORT, TABLE } from '../../southbound/openflow/port.ts'
import { conntrack } from '../conntrack/conntrack.ts'
import { DROP, type DropReason, dropReasonOf } from '../packet/drop.ts'
import { IN_PORT as IN_PORT_SLOT, TUNNEL_ID } from '../packet/key-layout.ts'
import { packetPool } from '../packet/packet.ts'
import { flowTables } from '../pipeline/flow-table.ts'
import { groups } from '../pipeline/groups.ts'
import { newJournal } from '../pipeline/journal.ts'
import { METER, type Meter, type Meters } from '../pipeline/meters.ts'
import { pipeline } from '../pipeline/pipeline.ts'
import type { Run } from '../pipeline/run.ts'
import { copyAddress, formatAddress, isNone, newAddress, parseAddress } from '../tunnel/address.ts'
import { newOuter } from '../tunnel/outer.ts'
import { readTunnelDst } from '../tunnel/tunnel-key.ts'

/** A table that was asked, and what it said; no flow: a miss. */
export interface Lookup {
  readonly tableId: number
  readonly flow: FlowBytes | undefined
}

export interface Sent {
  readonly port: number
  /** As it leaves, without what a tunnel puts around it. */
  readonly frame: Uint8Array
  /** What the flows have set, should the port be a tunnel; the address is '' where they have set none. */
  readonly vni: number
  readonly remote: string
}

export interface BridgeTrace {
  /** In the order in which tables were asked, copies one after the other. */
  readonly lookups: readonly Lookup[]
  readonly sent: readonly Sent[]
  /** How often it, or a copy, went to the controller. */
  readonly shown: number
  /** What dropped it or a copy, by the switch's own reasons. */
  readonly drops: readonly DropReason[]
}

/** What a bridge is made of. */
export interface BridgeContent {
  readonly flows: Iterable<FlowBytes>
  readonly groups: Iterable<GroupBytes>
}

/** How a frame comes in. */
export interface Entry {
  readonly frame: Uint8Array
  readonly port: number
  /** Out of a tunnel: what was around it, with the addresses of its sender and of the host. */
  readonly tunnel?: { readonly vni: number; readonly from: string; readonly to: string }
}

const meter: Meter = {
  ...{ meter_id: 0, flags: 0, bands: [], packets: 0, bytes: 0, createdAt: 0, filledAt: 0 },
}
const openMeters: Meters = {
  all: { get: () => meter, has: () => true } as unknown as Meters['all'],
  pass: () => METER.pass,
  apply: () => [],
}

/** @throws Refusal for a flow or group that no switch would take */
export function traceableBridge(content: BridgeContent): (entry: Entry) => BridgeTrace {
  const journal = newJournal()
  const known = groups()
  for (const { group_id, group_type, buckets } of content.groups)
    known.apply({ command: groupCommand.add, group_id, group_type, buckets }, 0, journal)
  const tables = flowTables(() => {})
  for (const flow of content.flows) {
    const rest = { flags: 0, idle_timeout: 0, hard_timeout: 0, buffer_id: OFP_NO_BUFFER }
    const about = { out_port: ANY, out_group: ANY_GROUP, cookie_mask: 0n }
    tables.apply({ ...flow, ...rest, ...about, command: flowCommand.add }, 0, journal)
  }

  let trace = { lookups: [] as Lookup[], sent: [] as Sent[], shown: 0, drops: [] as DropReason[] }
  const walk = pipeline({
    tables: {
      ...tables,
      lookup(tableId, key) {
        const flow = tables.lookup(tableId, key)
        trace.lookups.push({ tableId, flow })
        return flow
      },
    },
    groups: known,
    meters: openMeters,
    conntrack: conntrack({ random: () => 0 }),
    pool: packetPool(),
    output: (run, port) => send(run, port),
    controller: show,
    shorten() {},
    learn() {},
    drop: (reason) => void trace.drops.push(dropReasonOf(reason)),
    isUp: () => true,
    dropsFragments: false,
    instead: undefined,
    fault(error) {
      throw error
    },
    now: () => 0,
  })

  function show(run: Run): boolean {
    trace.shown++
    run.sent++
    return true
  }

  function send(run: Run, port: number): void {
    const inPort = run.key[IN_PORT_SLOT] ?? 0
    if (port === TABLE) return walk.enterTables(run)
    if (port === CONTROLLER) return void show(run)
    if (port === inPort) {
      run.held = DROP.output_in_port
      return
    }
    const { bytes, start, end } = run.packet
    const remote = newAddress()
    readTunnelDst(run.key, remote)
    trace.sent.push({
      port: port === IN_PORT ? inPort : port,
      frame: bytes.slice(start, end),
      vni: run.key[TUNNEL_ID] ?? 0,
      remote: isNone(remote) ? '' : formatAddress(remote),
    })
    run.sent++
  }

  return ({ frame, port, tunnel }) => {
    trace = { lookups: [], sent: [], shown: 0, drops: [] }
    if (tunnel) {
      const outer = newOuter()
      outer.vni = tunnel.vni
      copyAddress(parseAddress(tunnel.from), outer.src)
      copyAddress(parseAddress(tunnel.to), outer.dst)
      walk.receiveTunneled(frame, 0, frame.length, port, outer)
    } else walk.receive(frame, 0, frame.length, port)
    return trace
  }
}
