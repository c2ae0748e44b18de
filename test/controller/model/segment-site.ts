/** What tests of physical networks and what is on them begin with: one of each. */
import { put } from './site.ts'

export const h1 = { vtepAddress: '192.0.2.11', underlayMtuBytes: 9050 }
export const vtep = put('host', 'v1', {
  kind: 'vtep',
  vtepAddress: '192.0.2.21',
  underlayMtuBytes: 9050,
})
export const physical = put('physicalNetwork', 'p1', { vids: [7, '100-199'], mtuBytes: 9000 })
export const vlan = put('network', 'acme/vlan', { type: 'vlan', physicalNetwork: 'p1', vid: 100 })
export const flat = put('network', 'acme/flat', { type: 'flat', physicalNetwork: 'p1' })
export const extension = { physicalNetwork: 'p1', vid: 101, hostId: 'h1' }
export const extended = put('network', 'acme/wide', { vni: 6000, extension })
export const bridge = put('bridge', 'h1/br-x', { physicalNetwork: 'p1', mtuBytes: 9100 })
export const ports = [
  put('port', 'acme/tap', { network: 'wide', addresses: [], hostId: 'v1', interface: 'eth0' }),
  put('port', 'acme/trunk', { network: 'wide', addresses: [], hostId: 'h1', ofport: 7 }),
  put('port', 'acme/sub', { network: 'vlan', addresses: [], parent: 'trunk', vid: 5 }),
]
export const others = [physical, put('physicalNetwork', 'p2', {}), vlan, flat, extended, bridge]
export const all = [vtep, ...others, ...ports]
