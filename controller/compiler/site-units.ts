/** What every host has: the entries of the pipeline, and at the end of each table the drop with its reason. */
import { IN_PORT } from '../../southbound/openflow/port.ts'
import { anew, flow } from './items.ts'
import { asksAll, speaksForAnyone } from './neighbour-units.ts'
import {
  ARP,
  enterAnew,
  fromSegment,
  goto,
  output,
  PRIORITY_TAG,
  popTag,
  TAGGED,
  TAGGED_AND_FITTING,
} from './parts.ts'
import type { Unit } from './program.ts'
import { anewGroup, block, register, TUNNEL_OFPORT, table } from './stages.ts'

const { origin, oversize } = register

export const site: Unit = {
  name: 'site',
  on: 'site',
  run(view) {
    const emit = (...args: Parameters<typeof flow>) => view.emit(block.site, flow(...args))
    const from = ['site']
    for (const stage of ['oversize', 'tunnel', 'admission', 'innerTag', 'sampled'] as const)
      view.emit(block.site, anew(from, anewGroup[stage], table[stage]))
    emit(from, table.classify, 100, { in_port: TUNNEL_OFPORT }, goto(table.tunnel))
    // A priority tag is no VLAN, RFC 7348 §6.1.
    emit(
      from,
      table.classify,
      110,
      { in_port: TUNNEL_OFPORT, vlan_vid: PRIORITY_TAG },
      { apply: [popTag, enterAnew('tunnel')] },
    )
    emit(from, table.classify, 0, {}, { drop: 'port_unknown' })
    emit(from, table.tunnel, 0, {}, { drop: 'vni_unknown' })
    emit(from, table.peer, 0, {}, { drop: 'vtep_unknown' })
    emit(from, table.admission, 200, TAGGED_AND_FITTING, { drop: 'vlan_not_allowed' })
    emit(from, table.admission, 0, {}, goto(table.portSecurity))
    emit(from, table.innerTag, 100, { vlan_vid: TAGGED }, { drop: 'vlan_not_allowed' })
    emit(from, table.size, 100, { [oversize]: [1, 1] }, { apply: [enterAnew('oversize')] })
    emit(from, table.size, 0, {}, goto(table.portSecurity))
    // Whoever is on a physical network is no port of ours, and answers for himself.
    emit(from, table.portSecurity, 50, { [origin]: fromSegment }, goto(table.l2))
    const unclear = { [origin]: fromSegment, ...speaksForAnyone }
    emit(from, table.portSecurity, 60, unclear, { drop: 'source_looped' })
    emit(from, table.portSecurity, 0, {}, { drop: 'port_security' })
    emit(from, table.neighbours, 0, {}, { drop: 'port_security' })
    emit(from, table.responders, 100, { eth_type: ARP, arp_op: 1 }, { drop: 'arp_unknown' })
    emit(from, table.responders, 100, asksAll, { drop: 'nd_unknown' })
    emit(from, table.responders, 0, {}, goto(table.l2))
    emit(from, table.l2, 0, {}, { drop: 'mac_unknown' })
    emit(from, table.output, 0, {}, { drop: 'port_not_here' })
    emit(from, table.answer, 0, {}, { apply: [output(IN_PORT)] })
  },
}

export const host: Unit = {
  name: 'host',
  on: 'each',
  of: 'host',
  run(view, key) {
    if (view.get('host', key)?.kind === 'ovs') view.link(key, block.site)
    view.link(key, block.host(key))
  },
}
