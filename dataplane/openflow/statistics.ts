/**
 * Multipart answers about flows, tables and ports (OpenFlow 1.3.5 §7.3.5.2 to §7.3.5.7).
 * Neighbours: multipart.ts sends them.
 */
import type { FlowRequest, ReplyElement } from '../../southbound/openflow/multipart.ts'
import { ANY, portConfig, portState } from '../../southbound/openflow/port.ts'
import type { Flow } from '../pipeline/flow-table.ts'
import { refuse } from '../pipeline/refusal.ts'
import type { Bridge } from '../switch/bridge.ts'
import type { BridgePort } from '../switch/bridge-port.ts'
import { duration } from './duration.ts'

export function describePort(port: BridgePort): ReplyElement<'port_desc'> {
  const isDown = (port.config & portConfig.port_down) !== 0
  return {
    port_no: port.ofport,
    hw_addr: port.mac,
    name: Buffer.from(port.name).toString('latin1').slice(0, 15),
    config: port.config,
    state: !port.up ? portState.link_down : isDown ? 0 : portState.live,
    curr: 0,
    advertised: 0,
    supported: 0,
    peer: 0,
    curr_speed: 0,
    max_speed: 0,
  }
}

export const describeSwitch = (bridge: Bridge): ReplyElement<'desc'> => ({
  mfr_desc: 'Weft',
  hw_desc: 'userspace',
  sw_desc: 'weft switch',
  serial_num: 'None',
  dp_desc: Buffer.from(bridge.name).toString('latin1').slice(0, 255),
})

export const flowStatistics = (bridge: Bridge, filter: FlowRequest) =>
  bridge.flows.select(checked(bridge, filter)).map((flow) => describeFlow(bridge, flow))

export function aggregateStatistics(bridge: Bridge, filter: FlowRequest) {
  const flows = bridge.flows.select(checked(bridge, filter))
  const sum = (of: (flow: Flow) => number) => flows.reduce((total, flow) => total + of(flow), 0)
  return {
    packet_count: BigInt(sum((flow) => flow.packets)),
    byte_count: BigInt(sum((flow) => flow.bytes)),
    flow_count: flows.length,
  }
}

/** The filter, of a table that is there. */
function checked(bridge: Bridge, filter: FlowRequest): FlowRequest {
  const absent = filter.table_id !== 0xff && bridge.flows.table(filter.table_id)!.absent
  return absent ? refuse('bad_request.bad_table_id', `${filter.table_id}`) : filter
}

export const tableStatistics = (bridge: Bridge): ReplyElement<'table'>[] =>
  bridge.flows.counts.flatMap((count, table_id) =>
    bridge.flows.table(table_id)!.absent
      ? []
      : [
          {
            table_id,
            active_count: count.active,
            lookup_count: BigInt(count.lookups),
            matched_count: BigInt(count.matched),
          },
        ],
  )

export function portStatistics(bridge: Bridge, { port_no }: { readonly port_no: number }) {
  if (port_no === ANY) return [...bridge.ports.values()].map((port) => countPort(bridge, port))
  const port = bridge.ports.get(port_no)
  return port ? [countPort(bridge, port)] : refuse('bad_request.bad_port', `${port_no}`)
}

function describeFlow(bridge: Bridge, flow: Flow): ReplyElement<'flow'> {
  return {
    table_id: flow.table_id,
    ...duration(bridge.clock.now() - flow.createdAt),
    priority: flow.priority,
    idle_timeout: flow.idle_timeout,
    hard_timeout: flow.hard_timeout,
    flags: flow.flags,
    cookie: flow.cookie,
    packet_count: BigInt(flow.packets),
    byte_count: BigInt(flow.bytes),
    match: flow.match,
    instructions: flow.instructions,
  }
}

function countPort(bridge: Bridge, port: BridgePort): ReplyElement<'port_stats'> {
  const { counters } = port
  return {
    port_no: port.ofport,
    rx_packets: BigInt(counters.rxPackets),
    tx_packets: BigInt(counters.txPackets),
    rx_bytes: BigInt(counters.rxBytes),
    tx_bytes: BigInt(counters.txBytes),
    rx_dropped: 0n,
    tx_dropped: BigInt(counters.txDropped),
    rx_errors: 0n,
    tx_errors: 0n,
    rx_frame_err: 0n,
    rx_over_err: 0n,
    rx_crc_err: 0n,
    collisions: 0n,
    ...duration(bridge.clock.now() - port.createdAt),
  }
}
