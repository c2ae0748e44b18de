/** `weft trace`: the way of a packet, host by host and flow by flow. Neighbours: trace-options.ts, ../../controller/northbound/trace.ts. */
import type { Traced } from '../../controller/trace/text.ts'
import { print } from '../print/output.ts'
import { paint } from '../print/terminal.ts'
import { traceLines } from '../print/trace.ts'
import type { OutputFormat, RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface TraceOptions extends RestArguments {
  readonly from: string
  readonly to: string
  readonly tcp?: number
  readonly udp?: number
  readonly bytes?: number
  readonly ipv6: boolean
  readonly send: boolean
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** @returns the exit code: 0 when it arrives, and when it was sent every flow counted it */
export async function trace(options: TraceOptions): Promise<number> {
  const { from, to, tcp, udp, bytes, send, output, signal } = options
  const protocol = tcp !== undefined ? 'tcp' : udp !== undefined ? 'udp' : 'icmp'
  const port = tcp ?? udp
  const query = {
    ...{ from, to, protocol },
    family: options.ipv6 ? '6' : undefined,
    port: port?.toString(),
    packetBytes: bytes?.toString(),
  }
  const rest = openSession(options, signal)
  const { body } = await rest.ask<Traced>(send ? 'POST' : 'GET', '/v1:trace', { query })
  const isCounted = (body.counted ?? []).every(({ flows, counted }) => flows === counted)
  const { columns } = process.stdout
  const look = { ...(columns !== undefined && { columns }), isContrary: !isCounted }
  await print(output, body, () => traceLines(body, paint, look))
  return body.verdict === 'delivered' && isCounted ? 0 : 1
}
