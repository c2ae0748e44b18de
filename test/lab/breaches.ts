/**
 * Pipelines with isolation switched off, one wall at a time: Weft's own program and a unit whose flows
 * outrank those that hold the wall. The checks must end red on each.
 */
import { flow } from '../../controller/compiler/items.ts'
import type { Program, Unit } from '../../controller/compiler/program.ts'
import { block, floodGroup, register, table } from '../../controller/compiler/stages.ts'
import { pipeline } from '../../controller/compiler/units.ts'
import type { Action } from '../../southbound/openflow/action.ts'
import type { FieldName } from '../../southbound/openflow/oxm.ts'

const ABOVE_ALL = 1000
const FROM = ['breach']
const { network, destination, origin } = register
const set = (field: FieldName, value: number): Action => ({ kind: 'set_field', field, value })
const output = (port: number): Action => ({ kind: 'output', port, max_len: 0 })

/** Everything that comes into `from` goes on to `to` at once. */
function shortcut(from: number, to: number, match = {}): Unit {
  return {
    name: 'breach',
    on: 'site',
    run: (view) => view.emit(block.site, flow(FROM, from, ABOVE_ALL, match, { goto: to })),
  }
}

/** What reaches a guest of acme is copied to the guests of globex on its host; nothing else changes. */
const tapped: Unit = {
  name: 'breach',
  on: 'each',
  of: 'placement',
  run(view, key) {
    const place = view.get('placement', key)
    if (place?.port.tenant !== 'acme' || place.at.kind !== 'ofport') return
    const others = [...view.index('portsOfNetworkOnHost', `globex/web|${place.hostId}`)]
    const ofports = others.flatMap((other) => {
      const at = view.get('placement', other)?.at
      return at?.kind === 'ofport' ? at.ofport : []
    })
    const match = { [destination]: place.port.number }
    const does = { apply: [place.at.ofport, ...ofports].map(output) }
    view.emit(block.host(place.hostId), flow(FROM, table.output, ABOVE_ALL, match, does))
  },
}

/** A VNI that nobody has belongs to network number 1. */
const anyVni: Unit = {
  name: 'breach',
  on: 'site',
  run(view) {
    const does = { apply: [set(origin, 1), set(network, 1)], goto: table.peer }
    view.emit(block.site, flow(FROM, table.tunnel, 1, {}, does))
  },
}

/** Unknown unicast is flooded on the sender's host. */
const flooding: Unit = {
  name: 'breach',
  on: 'each',
  of: 'network',
  run(view, key) {
    const number = view.get('network', key)?.number
    if (number === undefined) return
    const match = { [network]: number, [origin]: 0 }
    const does = { apply: [{ kind: 'group', group_id: floodGroup(number) } as const] }
    // Above the drops of the ports.
    view.emit(block.network(key), flow(FROM, table.l2, 2, match, does))
  },
}

const ARP = { eth_type: 0x0806 }
const within = (unit: Unit): Program => ({ ...pipeline, units: [...pipeline.units, unit] })

/** Wall that is down -> the program, and the rows that must be red, by how they start. */
export const breaches: readonly {
  readonly wall: string
  readonly program: Program
  readonly red: readonly string[]
}[] = [
  {
    wall: 'port security',
    program: within(shortcut(table.portSecurity, table.responders)),
    red: ['frame with a foreign'],
  },
  {
    wall: 'the size limit',
    program: within(shortcut(table.admission, table.portSecurity)),
    red: ['9,001 bytes of IP'],
  },
  {
    wall: 'the check of the source VTEP',
    program: within(shortcut(table.peer, table.l2)),
    red: ['VXLAN packet'],
  },
  {
    wall: 'the check of the VNI',
    program: within(anyVni),
    red: ['VXLAN packet'],
  },
  {
    wall: 'ARP on the host',
    program: within(shortcut(table.responders, table.l2, ARP)),
    red: ['frame with a foreign', 'broadcast ARP', "a tenant's ARP and TCP"],
  },
  {
    wall: 'the drop of unknown unicast',
    program: within(flooding),
    red: ["a tenant's ARP and TCP"],
  },
  {
    wall: 'the line between tenants',
    program: within(tapped),
    red: [
      'same address in the other tenant',
      'frame with a foreign',
      'VXLAN packet',
      '9,001 bytes of IP',
      'broadcast ARP',
      "a tenant's ARP and TCP",
    ],
  },
]
