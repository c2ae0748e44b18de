/**
 * The same frame for real: put into br-int as if its guest had sent it, and the counters of the flows that the walk says it met.
 * Whoever else sends meanwhile is counted as well, so a counter that rose agrees, and one that did not is what matters.
 * Neighbours: trace.ts (what was walked), ../reconciler/ has the connections.
 */
import type { Connection } from '../../southbound/openflow/connection.ts'
import { type FlowBytes, flowKey } from '../../southbound/openflow/flow.ts'
import { OFP_NO_BUFFER } from '../../southbound/openflow/message.ts'
import { allFlows } from '../../southbound/openflow/multipart.ts'
import { TABLE } from '../../southbound/openflow/port.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { table } from '../compiler/stages.ts'
import type { WalkOf } from './trace.ts'

/** What a host counted of the flows that the walk met there. */
export interface Counted {
  readonly host: string
  /** Flows that were met, and those of them that counted a packet more. */
  readonly flows: number
  readonly counted: number
  /** The first that did not. */
  readonly silent?: FlowBytes
}

export interface InjectionOptions {
  /** Undefined while its bridge is away. */
  connection(hostId: string): Connection | undefined
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** Open vSwitch tells what its datapath has counted once or twice a second. */
const PATIENCE_MS = 3000
const PAUSE_MS = 100
const EVERY_BIT = 0xffff_ffff_ffff_ffffn

/** @returns undefined when a host of the walk is away. Rejects when one does not answer. */
export async function inject(
  { sent, hops }: WalkOf,
  options: InjectionOptions,
): Promise<Counted[] | undefined> {
  const { connection, signal, clock } = options
  const places = hops
    .map(({ host, met }) => ({
      host,
      flows: unique(met.filter(isSure)),
      connection: connection(host),
    }))
    .filter(({ flows }) => flows.length > 0)
  const sender = sent && connection(sent.host)
  if (!sent || !sender || places.some((place) => !place.connection)) return undefined
  const read = () =>
    Promise.all(
      places.map(({ flows, connection: at }) =>
        Promise.all(flows.map((flow) => packetsOf(at as Connection, flow, signal))),
      ),
    )
  const before = await read()
  const { ofport: in_port, frame: data } = sent
  const actions = [{ kind: 'output', port: TABLE, max_len: 0 }] as const
  await sender.send({ type: 'packet_out', buffer_id: OFP_NO_BUFFER, in_port, actions, data })
  const deadline = clock.now() + PATIENCE_MS
  for (;;) {
    const after = await read()
    const rose = after.map((counts, at) =>
      counts.map((count, flow) => count > (before[at]?.[flow] ?? 0)),
    )
    if (rose.flat().every(Boolean) || clock.now() > deadline)
      return places.map(({ host, flows }, at) => {
        const silent = flows.find((_, flow) => !rose[at]?.[flow])
        const counted = rose[at]?.filter(Boolean).length ?? 0
        return { host, flows: flows.length, counted, ...(silent && { silent }) }
      })
    await clock.sleep(PAUSE_MS, signal)
  }
}

/** Of what is dropped a frame in seconds is shown to the controller: whether this is the one is nobody's promise. */
const isSure = ({ table_id }: FlowBytes): boolean => table_id < table.shown

const unique = (flows: readonly FlowBytes[]): FlowBytes[] => [
  ...new Map(flows.map((flow) => [flowKey(flow), flow])).values(),
]

/** 0 for a flow that the switch does not have. */
async function packetsOf(
  connection: Connection,
  flow: FlowBytes,
  signal: AbortSignal,
): Promise<number> {
  const { table_id, match, cookie } = flow
  const body = allFlows({ table_id, match, cookie, cookie_mask: EVERY_BIT })
  const found = await connection.multipart({ kind: 'flow', body }, { signal })
  const key = flowKey(flow)
  return Number(found.find((entry) => flowKey(entry) === key)?.packet_count ?? 0)
}
