/**
 * The rows and columns of the table in topologies/README.md: what users ask for, on which kind of host. A cell names the
 * scenarios that prove it (their files), or says why there is none: `without` has those reasons.
 */
import type { Realizer } from '../lab/host-switch.ts'

export const columns: Readonly<Record<Realizer, string>> = {
  'open-vswitch': 'Open vSwitch',
  'weft-switch': 'weft switch',
  'linux-bridge': 'Linux bridge (weft agent)',
  'weft-vtep': 'weft switch as a VTEP (memory lab)',
  'ovs-vtep': 'ovs-vtep (stands for hardware)',
}

export const features = {
  ping: 'one VNI over all kinds: ping between every pair',
  jumbo: 'jumbo: exactly the MTU passes with DF, one byte more does not',
  tcp: 'TCP between every pair',
  tenants: 'overlapping addresses and MACs of two tenants',
  broadcast: 'broadcast reaches the network and nobody else',
  arp: 'ARP is answered on the host',
  antiSpoofing: 'spoofed MAC, IP, ARP, ND are dropped and counted',
  accessTags: 'VLAN tags inside an access port are dropped, single and double',
  hiddenTag: 'a tag behind a priority tag is dropped',
  nestedVxlan: 'VXLAN inside VXLAN stays inside',
  infrastructure: 'no frame of a guest reaches controller, VTEPs, br-phy or agent',
  forgedVxlan: 'forged VXLAN from outside the site is dropped',
  restart: 'controller or agent killed and restarted: no packet lost',
  revival: 'a switch killed and started again is reached by itself, its loss told',
  repair: 'what somebody changed is put right and recorded',
  hostFailure: 'a host dies and comes back with nothing: the others lose no packet',
  removal: 'drained and removed: nothing is left',
  quarantine: 'cut off while its VNI is freed and asked for again: nothing reaches the new tenant',
  vlan: 'networks of type vlan and flat',
  qinq: 'QinQ, VLAN-transparent networks',
  trunk: 'trunk ports of guests (sub-ports)',
  extension: 'a network extended into a VLAN',
  ipv6: 'VTEPs on IPv6',
  routed: 'VTEPs behind routers, flows over equal ways',
  guestIpv6: 'IPv6 of guests: neighbours found, packets up to the MTU',
  mtuStatus: 'MTU status names what limits',
} as const

export type Feature = keyof typeof features

/** Cells that a test proves which is no scenario: its file. */
export const elsewhere: Readonly<Record<Feature, Partial<Record<Realizer, string>>>> = {
  ...noneOf(),
  quarantine: { 'weft-vtep': 'test/lab/quarantine.test.ts' },
}

const notNamed = 'not yet: its operator names the port that leads to a physical network'
const ofDevice = 'the device itself decides'
const confirmsAlike = 'the same record of the model waits for every kind of host'

/** Why a cell has neither. */
export const without: Readonly<Record<Feature, Partial<Record<Realizer, string>>>> = {
  ...noneOf(),
  tcp: { 'weft-vtep': 'guests of the memory lab have no TCP' },
  arp: { 'ovs-vtep': ofDevice },
  antiSpoofing: { 'ovs-vtep': 'it has no ACLs; the status says `anti_spoofing_unenforced`' },
  accessTags: { 'ovs-vtep': ofDevice },
  hiddenTag: { 'ovs-vtep': ofDevice },
  infrastructure: { 'ovs-vtep': ofDevice },
  forgedVxlan: { 'ovs-vtep': ofDevice },
  restart: { 'weft-vtep': 'there is no process to kill' },
  revival: {
    'linux-bridge': 'the kernel forwards: there is no such process',
    'weft-vtep': 'there is no process to kill',
    'ovs-vtep': ofDevice,
  },
  hostFailure: { 'ovs-vtep': ofDevice },
  quarantine: {
    'linux-bridge': confirmsAlike,
    'ovs-vtep': confirmsAlike,
  },
  vlan: { 'ovs-vtep': notNamed },
  qinq: { 'ovs-vtep': ofDevice },
  ipv6: { 'ovs-vtep': 'the emulator has IPv4 alone' },
  routed: { 'ovs-vtep': 'not tried' },
  guestIpv6: { 'ovs-vtep': ofDevice },
  mtuStatus: { 'ovs-vtep': 'hardware_vtep has no MTU' },
}

function noneOf(): Record<Feature, Partial<Record<Realizer, string>>> {
  const entries = Object.keys(features).map((feature) => [feature, {}])
  return Object.fromEntries(entries) as Record<Feature, Partial<Record<Realizer, string>>>
}
