/**
 * Probes of the path between two VTEPs: frames of Weft's own under VNI 0, which no network has (they have 1 to
 * 16,777,215), so that no workload can send one. From a VTEP that this host knows they go to the controller, past a meter;
 * from any other they are dropped as `vtep_unknown`. Neighbours: `network-units.ts` says whom a host knows,
 * `../reconciler/probe.ts` sends them.
 */
import { CONTROLLER } from '../../southbound/openflow/port.ts'
import { flow, meter } from './items.ts'
import { fromTunnel, set } from './parts.ts'
import type { FlowItem, Unit } from './program.ts'
import { block, PROBE_METER, register, table } from './stages.ts'
import { fromVtep } from './ways.ts'

const { network, origin } = register

/** Probes that are sent to one host, of rounds and searches together; `../reconciler/probe.ts` keeps to it. */
export const PROBES_PER_S = 100
/** Probes that a host takes, whoever sends them: half as many again, as some may come late and together. Packets a second. */
const MOST_PKTPS = 1.5 * PROBES_PER_S
/** Bytes of a probe that the controller wants to see: its header and its number. */
const SEEN_BYTES = 64

/** Table `peer` sees a probe with no network: those of tenants have numbers from 1. */
export const probes: Unit = {
  name: 'probes',
  on: 'site',
  run(view) {
    view.emit(block.site, meter(['site'], PROBE_METER, MOST_PKTPS))
    const entry = { apply: [set(origin, fromTunnel)], goto: table.peer }
    view.emit(block.site, flow(['site'], table.tunnel, 100, { tunnel_id: 0n }, entry))
  },
}

/** The flow by which probes of this VTEP are taken; the same in every network that its host is in. */
export function probesOf(hostKey: string, vtep: string): FlowItem {
  const match = { [network]: 0, [origin]: fromTunnel, ...fromVtep(vtep) }
  const apply = [{ kind: 'output', port: CONTROLLER, max_len: SEEN_BYTES } as const]
  const does = { apply, meter: PROBE_METER }
  return flow([`host/${hostKey}`], table.peer, 90, match, does, true)
}
